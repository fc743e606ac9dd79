"""Latency over time on a real tiny model: numbers, causes produced for real, what ends a run early, cold starts."""

import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

import workbench as wb
from tests.hub.tiny import write_model
from workbench.catalog.sources import demo_folder
from workbench.charts import figure
from workbench.cli import main
from workbench.errors import WorkerDied
from workbench.latency import weight_files
from workbench.results import Event, LatencyRun, Stutter
from workbench.stutters import FEWEST
from workbench.widgets.tables import show

CONFIG = wb.Config(dtype="float32", threads=1)
NAME = "random:deepseek-llm-7b-base?scale=tiny&layers=1"
WORK = wb.Workload(prompt_tokens=8, new_tokens=8)


class At:
    """A logits processor that does something once, at its nth call."""

    def __init__(self, calls: int, what: Callable[[], Any]) -> None:
        self.calls, self.what, self.done = calls, what, 0

    def __call__(self, _ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        self.done += 1
        if self.done == self.calls:
            self.what()
        return scores


def longest(found: LatencyRun) -> Stutter:
    return max(found.stutters, key=lambda each: each.seconds)


def causes(stutter: Stutter) -> set[str]:
    return {each.cause for each in stutter.causes}


@pytest.fixture(scope="module")
def inline(demo_home: Path) -> Iterator[wb.Session]:
    with wb.Session(NAME, config=CONFIG, host="inline") as session:
        yield session


@pytest.fixture(scope="module")
def worker(demo_home: Path) -> Iterator[wb.Session]:
    with wb.Session(NAME, config=CONFIG) as session:
        yield session


@pytest.fixture(scope="module")
def found(worker: wb.Session) -> LatencyRun:
    return worker.latency(WORK, seconds=5.0)


def once_under_way(
    session: wb.Session, work: Callable[[], Any], from_s: float = 0.0, requests: int = FEWEST
) -> Callable[[], None]:
    """Does `work` once, so many seconds and requests into the run; the returned function takes the listener off."""
    begun = threading.Event()

    def look(event: Event) -> None:
        what = event.data["what"]
        enough = what.code == "progress.steady" and what.params["requests"] >= requests
        if enough and event.data["done"] >= from_s and not begun.is_set():
            begun.set()
            work()

    return session.on("progress", look)


def test_numbers_agree_with_each_other(found: LatencyRun, worker: wb.Session) -> None:
    assert found.requests == found.ttft.n == found.tpot.n == found.e2e.n == found.itl.units
    assert found.itl.n == found.requests * (WORK.new_tokens - 1)
    for each in (found.ttft, found.itl, found.tpot, found.e2e):
        assert each.p50 > 0
        assert each.p90 is None or each.p50 <= each.p90
        low, high = each.ci95.get("p50", (each.p50, each.p50))
        assert low <= each.p50 <= high
    assert found.e2e.p50 > found.ttft.p50
    assert found.requests_per_s == pytest.approx(found.requests / found.seconds)
    assert found.tokens_per_s == pytest.approx(8 * found.requests_per_s)
    assert found.seconds >= 5.0
    assert found.stopped_by == "time"
    assert sum(point.requests for point in found.series) == found.requests
    assert found.device.looks > 10
    assert found.unserved == 0
    assert {"gc_pauses", "graphs", "major_faults", "switches"} <= set(found.totals)
    stored = worker.runs.list(kind="latency")[0]["result"]
    assert LatencyRun.from_dict(stored) == found
    json.dumps(stored, allow_nan=False)


def test_of_few_requests_no_percentile_is_told(inline: wb.Session) -> None:
    few = inline.latency(WORK, seconds=0.01)
    assert few.requests < 3
    assert (few.ttft.p50, few.ttft.p99) == (None, None)
    assert few.ttft.needed == {"p50": 3, "p90": 10, "p99": 100}
    assert few.itl.p99 is None
    assert few.drift["ttft_s"].percent_per_minute is None
    assert few.stutter_count == 0
    said = repr(show(few))
    assert "needs 100" in said
    assert "too few requests to say what a usual step is" in said
    assert figure(few).data


def test_garbage_collection_is_seen(inline: wb.Session) -> None:
    def collect() -> None:
        live = [[] for _ in range(200_000)]
        for _ in range(10):
            gc.collect()
        del live

    before = list(gc.callbacks)  # hypothesis has one
    found = inline.latency(WORK, seconds=5.0, logits_processors=[At(50, collect)])
    assert causes(longest(found)) >= {"gc"}
    (beside,) = (each for each in longest(found).causes if each.cause == "gc")
    assert beside.amount == 2
    assert 0 < beside.seconds <= longest(found).seconds
    assert found.totals["gc_pauses"] >= 10
    assert found.causes[0].share <= 1
    assert gc.callbacks == before


def test_a_compile_is_seen(inline: wb.Session) -> None:
    def compile_something() -> None:
        torch.compile(lambda x: x * 2 + 1, backend="eager")(torch.ones(3))

    found = inline.latency(WORK, seconds=5.0, logits_processors=[At(50, compile_something)])
    assert "compile" in set().union(*map(causes, found.stutters))
    assert found.totals["graphs"] == 1


@pytest.mark.slow
def test_lengths_that_make_a_compiled_loop_compile_again(demo_home: Path) -> None:
    with wb.Session(NAME, config=CONFIG.replace(compile="default"), host="inline") as session:
        # warmed up with answers of 288, whose cache has 512 places; shorter ones come to 256
        found = session.latency(wb.Workload(prompt_tokens=64, new_tokens=192), seconds=60.0, vary=True)
    assert found.totals["graphs"] > 0
    assert "compile" in {each.cause for each in found.causes}


def test_processes_on_the_same_core_are_seen(worker: wb.Session) -> None:
    pid, (core, *_) = worker._bench.host.pid, sorted(os.sched_getaffinity(0))
    before = os.sched_getaffinity(pid)
    hogs: list[subprocess.Popen[bytes]] = []

    def crowd() -> None:
        for _ in range(12):
            hogs.append(subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True))
            psutil.Process(hogs[-1].pid).cpu_affinity([core])

    os.sched_setaffinity(pid, [core])
    off = once_under_way(worker, crowd, from_s=4.0)  # each has a share of its own: a session is one
    try:
        crowded = worker.latency(WORK, seconds=8.0)
    finally:
        off()
        os.sched_setaffinity(pid, before)
        for hog in hogs:
            hog.kill()
            hog.wait()
    assert hogs
    assert "others" in set().union(*map(causes, crowded.stutters)), crowded.stutters
    assert crowded.totals["waited_s"] > 0


def test_a_worker_that_was_stopped_stood_still(worker: wb.Session) -> None:
    pid = worker._bench.host.pid

    def freeze() -> None:
        time.sleep(0.3)  # somewhere in a long answer
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.8)
        os.kill(pid, signal.SIGCONT)

    off = once_under_way(worker, freeze, requests=1)  # gaps enough to know the usual one
    try:
        found = worker.latency(WORK.replace(new_tokens=32), seconds=8.0)
    finally:
        off()
    assert longest(found).seconds > 0.7
    assert causes(longest(found)) == {"not_running"}
    assert longest(found).causes[0].seconds > 0.4
    assert "process standing still" in repr(show(found))


def test_memory_that_grows_is_counted(inline: wb.Session) -> None:
    held: list[bytearray] = []
    found = inline.latency(
        WORK, seconds=2.0, logits_processors=[At(30, lambda: held.append(bytearray(os.urandom(1 << 20) * 200)))]
    )
    assert found.totals["grown_bytes"] > 150 << 20


def test_a_drift_is_found(inline: wb.Session) -> None:
    began = time.monotonic()

    def slower(_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        time.sleep(0.01 * (time.monotonic() - began))
        return scores

    found = inline.latency(WORK.replace(new_tokens=4), seconds=12.0, logits_processors=[slower])
    drift = found.drift["tpot_s"]
    assert drift.seen
    assert drift.percent_per_minute > 0
    assert drift.ci95[0] > 0
    assert "drifted by +" in repr(show(found))


def test_at_a_rate_waiting_counts_from_the_arrival(inline: wb.Session) -> None:
    def slow(_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        time.sleep(0.05)
        return scores

    crowded = inline.latency(WORK.replace(new_tokens=4), seconds=4.0, every_s=0.1, logits_processors=[slow])
    first, last = crowded.series[0], crowded.series[-1]
    assert last.ttft_s > first.ttft_s + 1.0  # each takes 0.2 s at least, and 0.1 s is what there is for it
    assert crowded.unserved >= 15
    assert crowded.requests + crowded.unserved == 40
    assert "latency.flag.unserved" in {flag.code for flag in crowded.flags}
    calm = inline.latency(WORK.replace(new_tokens=2), seconds=2.0, every_s=0.5)
    assert (calm.requests, calm.unserved) == (4, 0)
    assert calm.seconds >= 2.0
    assert calm.requests_per_s <= 2.0  # as they came, not as they were served


def test_lengths_vary_by_the_seed_and_must_fit(inline: wb.Session) -> None:
    found = inline.latency(WORK.replace(new_tokens=2), seconds=3.0, vary=True)
    assert "prefill" not in found.stutter_from_s
    assert found.workload.prompt_tokens == WORK.prompt_tokens
    assert found.requests < found.itl.n < 2 * found.requests  # some answers have a third token, and some have not
    assert "lengths varied" in repr(show(found))
    room = inline.facts.context_length
    with pytest.raises(wb.ConfigError, match="context"):
        inline.latency(wb.Workload(prompt_tokens=room - 64, new_tokens=8), seconds=1.0, vary=True)


def test_stop_ends_it_within_a_step(worker: wb.Session) -> None:
    pid = worker._bench.host.pid
    off = once_under_way(worker, worker.stop)
    try:
        with pytest.raises(wb.Stopped):
            worker.latency(WORK, seconds=120.0)
    finally:
        off()
    assert worker._bench.host.pid == pid  # it noticed by itself


def test_stop_ends_a_wait_for_the_next_arrival(inline: wb.Session) -> None:
    threading.Timer(1.0, inline.stop).start()
    began = time.monotonic()
    with pytest.raises(wb.Stopped):
        inline.latency(WORK, seconds=200.0, every_s=100.0)
    assert time.monotonic() - began < 90


def test_a_worker_that_dies_is_told_and_replaced(worker: wb.Session) -> None:
    pid = worker._bench.host.pid
    off = once_under_way(worker, lambda: os.kill(pid, signal.SIGKILL))
    try:
        with pytest.raises(WorkerDied, match="steady load"):
            worker.latency(WORK, seconds=60.0)
    finally:
        off()
    assert len(worker.generate("one", max_new_tokens=2)[0].token_ids) <= 2
    assert worker._bench.host.pid not in (None, pid)


@pytest.mark.parametrize("options", [{"seconds": 0}, {"seconds": float("nan")}, {"every_s": -1.0}, {"every_s": True}])
def test_numbers_that_cannot_be(inline: wb.Session, options: dict[str, Any]) -> None:
    with pytest.raises(wb.ConfigError):
        inline.latency(WORK, **options)


def test_a_cold_start_is_a_fresh_worker_from_files(demo_home: Path, tmp_path: Path) -> None:
    folder = write_model(tmp_path, demo_folder())
    with wb.Session(str(folder), config=CONFIG) as session:
        pid, told = session._bench.host.pid, []
        session.on("progress", lambda event: told.append(event.data["what"].code))
        warm = session.latency(WORK, seconds=0.1).cold_start
        assert (warm.measured, warm.first_token_s, warm.cached_share) == ("at_open", None, None)
        assert warm.load_s > 0
        session.apply(attention="eager")
        cold = session.latency(WORK, seconds=0.1, cold_start=True)
        start = cold.cold_start
        assert session._bench.host.pid != pid
        assert session.config["attention"] == "eager"
        assert start.measured == "now"
        assert 0 < start.import_s < start.start_s
        assert start.load_s > 0
        assert start.first_token_s > 0
        assert 0 < start.cached_share <= 1.0  # read a moment ago; the kernel may have taken some of it back
        assert [file.suffix for file in weight_files(session._bench)] == [".safetensors"] * 2
        assert "progress.cold_start" in told
        assert "cold start: worker" in repr(show(cold))
        assert str(folder) not in json.dumps(session.runs.list(kind="latency"))


def test_in_this_process_there_is_no_cold_start(inline: wb.Session) -> None:
    with pytest.raises(wb.CapabilityError, match="in this process"):
        inline.latency(WORK, seconds=0.1, cold_start=True)
    assert inline.latency(WORK, seconds=0.1).cold_start.start_s is None


def test_on_the_command_line(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--prompt-tokens", "8", "--new-tokens", "4", "--seconds", "1"]
    assert main(["latency", NAME, *words, "--every", "0.2", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "workbench.latency/1"
    assert LatencyRun.from_dict(document["result"]).every_s == 0.2
    assert main(["latency", NAME, "--seconds", "-1"]) == 2
