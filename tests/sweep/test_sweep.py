"""Sweeps for real on a tiny model: loads, drops with reasons, kills, refusals, going on, Stop."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import workbench as wb
from tests.conftest import WORKER
from tests.limits import room
from workbench.results import SweepEntry
from workbench.sweep.hosts import LocalHost
from workbench.sweep.rules import Rules

pytestmark = pytest.mark.model

TINY = "random:deepseek-llm-7b-base?scale=tiny&layers=1"
WORK = wb.Workload(prompt_tokens=16, new_tokens=4)
BASE = wb.Config(dtype="float32", threads=1, device="cpu")
SPACE = {"attention": ["sdpa", "eager"], "dtype": ["float32", "bfloat16"], "threads": [1]}
HOW: dict[str, Any] = {"base": BASE, "precision": 0.9, "when_busy": "beside"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[wb.Runs]:
    with wb.Runs(tmp_path_factory.mktemp("runs") / "runs.sqlite3") as runs:
        yield runs


@pytest.fixture(scope="module")
def found(demo_home: Path, runs: wb.Runs) -> wb.Sweep:
    """One sweep of four points in two loads, in this process."""
    told: list[Any] = []
    sweep: wb.Sweep = wb.sweep(TINY, SPACE, WORK, host="inline", runs=runs, progress=told.append, **HOW)
    assert told[-1].total == 4
    assert told[-1].done + told[-1].left == 4
    return sweep


def entries(runs: wb.Runs, key: str) -> list[SweepEntry]:
    documents = runs.list(kind="sweepentry", limit=10_000)
    mine = [SweepEntry.from_dict(each["result"]) for each in documents if each["result"]["key"] == key]
    return sorted(mine, key=lambda entry: entry.at)


def test_two_loads_serve_four_configurations(found: wb.Sweep) -> None:
    assert len(found.points) == 4
    assert found.groups == 2
    assert found.loads == 2
    assert all(point.rounds >= Rules().screening for point in found.points)
    assert found.stopped_by == "precision"


def test_the_winner_is_the_one_whose_pairs_say_so(found: wb.Sweep) -> None:
    best = found.best
    assert best is not None
    assert best.state == "best"
    assert all(point.ratio <= 1.0 for point in found.points if point.ratio is not None)
    assert {lead.other for lead in found.leads} >= ({0} - {found.winner})
    assert all(str(point.why) for point in found.points)
    assert found.winner in found.pareto
    assert {point.state for point in found.points} <= {"best", "front", "behind"}


def test_everything_is_in_the_store_as_it_happened(found: wb.Sweep, runs: wb.Runs) -> None:
    kept = entries(runs, found.key)
    assert kept[0].event == "plan"
    assert [entry.at for entry in kept] == list(range(len(kept)))
    assert sum(len(entry.runs) for entry in kept) == found.runs
    record = runs.list(kind="sweep")[0]
    assert record["schema"] == "workbench.sweep/1"
    assert wb.Sweep.from_dict(record["result"]) == found
    assert record["config"] == found.best.config if found.best else False


def test_the_same_call_repeats_nothing(found: wb.Sweep, runs: wb.Runs) -> None:
    again = wb.sweep(TINY, SPACE, WORK, host="inline", runs=runs, **HOW)
    assert again.reused == again.runs == found.runs
    assert again.loads == 0
    assert (again.winner, again.points) == (found.winner, found.points)
    other = wb.sweep(TINY, {"threads": [1]}, WORK, host="inline", runs=runs, budget_s=0, **HOW)
    assert other.key != found.key
    assert other.reused == 0


def test_least_memory_and_constraints(demo_home: Path, runs: wb.Runs) -> None:
    space = {"attention": ["sdpa", "eager"], "threads": [1]}
    limits = {"peak_bytes": "<1MiB"}
    none = wb.sweep(TINY, space, WORK, "peak_bytes", limits, host="inline", runs=runs, **HOW)
    assert none.best is None
    assert none.stopped_by == "nothing"
    assert {point.state for point in none.points} == {"constraint"}
    assert all("breaks peak_bytes < 1" in str(point.why) for point in none.dropped)
    assert str(none.verdict).startswith("nothing is left")


def test_stop_returns_what_is_known_and_the_next_call_goes_on(demo_home: Path, runs: wb.Runs) -> None:
    rounds: list[Any] = []
    how = {**HOW, "precision": 0.8}
    space = {"attention": ["sdpa", "eager"], "threads": [1]}
    first = wb.sweep(
        TINY, space, WORK, host="inline", runs=runs, progress=rounds.append, stop=lambda: len(rounds) > 1, **how
    )
    assert first.stopped_by == "stopped"
    assert 0 < first.runs < 6
    second = wb.sweep(TINY, space, WORK, host="inline", runs=runs, **how)
    assert second.reused == first.runs
    assert second.stopped_by == "precision"


def test_quality_is_asked_of_what_would_win_alone(demo_home: Path, runs: wb.Runs) -> None:
    """bfloat16 parts from float32 by more than the limit, and is out when it leads; sdpa in float32 does not."""
    space = {"dtype": ["bfloat16", "float32"], "attention": ["sdpa", "eager"]}
    how = {**HOW, "objective": "prefill_tps", "constraints": {"kld_mean": "<1e-5"}}
    found = wb.sweep(TINY, space, WORK, host="inline", runs=runs, **how)
    assert found.best is not None
    assert found.best.config["dtype"] == "float32"
    assert found.best.quality is not None
    assert found.best.quality.kld_mean < 1e-5
    broken = [point for point in found.points if point.state == "constraint"]
    assert all(point.config["dtype"] == "bfloat16" for point in broken)
    assert all("breaks kld_mean < " in str(point.why) for point in broken)
    asked = [entry.arm for entry in entries(runs, found.key) if entry.event == "quality"]
    assert sorted(filter(None, [point.quality and place for place, point in enumerate(found.points)])) == sorted(
        filter(None, asked)
    )
    assert len(asked) == 1 + len(broken)
    again = wb.sweep(TINY, space, WORK, host="inline", runs=runs, **how)
    assert again.reused == found.runs
    assert again.loads == 0
    assert again.points == found.points


class Harmed(LocalHost):
    """The host as it is, while somebody kills its worker under sdpa so many times, and leaves eager no memory."""

    kills = 0

    def run(self, group: int, config: wb.Config, workload: wb.Workload, *, first: bool, energy: bool = False) -> Any:
        session = self._sessions[group]
        assert session.pid
        if config.attention == "eager" and workload.prompt_tokens > 1000:
            with room(session.pid, 24 << 20):
                return super().run(group, config, workload, first=first)
        if config.attention == "sdpa" and type(self).kills:
            type(self).kills -= 1
            # as a run begins: the event comes before the worker has answered
            off = session.on(
                "state", lambda event: os.kill(session.pid or 0, signal.SIGKILL) if _begins(event) else None
            )
            try:
                return super().run(group, config, workload, first=first)
            finally:
                off()
        return super().run(group, config, workload, first=first)


def _begins(event: Any) -> bool:
    return event.data.get("operation") == "run_once" and "ended" not in event.data


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of another process")
def test_a_kill_is_survived_and_what_memory_refuses_is_out_with_its_bytes(
    demo_home: Path, runs: wb.Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Harmed, "kills", 1)
    work = wb.Workload(prompt_tokens=1500, new_tokens=4)
    space = {"attention": ["sdpa", "eager"], "threads": [1]}
    found = wb.sweep(TINY, space, work, host=Harmed, runs=runs, **HOW)
    sdpa, eager = found.points
    assert (sdpa.state, eager.state) == ("best", "failed")
    assert sdpa.rounds >= 1
    assert found.loads == 2  # the second brought the killed one back
    assert str(eager.why).startswith("does not fit: needs ")
    assert [entry.event for entry in entries(runs, found.key)].count("died") == 1


def test_a_configuration_that_ends_its_worker_twice_is_out_and_the_group_goes_on(
    demo_home: Path, runs: wb.Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Harmed, "kills", 2)
    space = {"attention": ["sdpa", "eager"], "threads": [1]}
    found = wb.sweep(TINY, space, WORK, host=Harmed, runs=runs, fresh=True, **HOW)
    sdpa, eager = found.points
    assert (sdpa.state, eager.state) == ("failed", "best")
    assert "signal 9" in str(sdpa.why)
    assert found.stopped_by == "precision"


CALLER = """
import sys
import workbench as wb
from tests.sweep.test_sweep import TINY, WORK, HOW
wb.sweep(TINY, {"attention": ["sdpa", "eager"], "threads": [1]}, WORK, runs=wb.Runs(sys.argv[1]),
         progress=lambda told: print(told.what.code, flush=True), **{**HOW, "precision": 0.0001})
"""


def test_a_caller_that_is_killed_loses_the_round_in_flight_alone(demo_home: Path, tmp_path: Path) -> None:
    store = tmp_path / "runs.sqlite3"
    caller = subprocess.Popen(
        [sys.executable, "-c", CALLER, str(store)], stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    try:
        assert caller.stdout is not None
        rounds = 0
        while rounds < 4:
            line = caller.stdout.readline()
            assert line, "it ended early"
            rounds += "round" in line
        children = psutil.Process(caller.pid).children(recursive=True)
        caller.kill()
    finally:
        caller.kill()
        caller.wait()
        caller.stdout.close() if caller.stdout else None
    psutil.wait_procs([child for child in children if WORKER in _command(child)], timeout=30)
    how = {**HOW, "precision": 0.0001}
    asked = threading.Event()
    with wb.Runs(store) as runs:
        before = len(runs.list(kind="sweepentry", limit=1000)) - 1
        assert before >= 4
        found = wb.sweep(
            TINY,
            {"attention": ["sdpa", "eager"], "threads": [1]},
            WORK,
            host="inline",
            runs=runs,
            progress=lambda told: asked.set() if told.what.code == "sweep.progress.round" else None,
            stop=asked.is_set,
            **how,
        )
        assert found.reused == 2 * before
        assert found.runs == 2 * before + 2
        assert entries(runs, found.key)[-1].at == before + 1


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def test_a_model_that_is_none_is_told(demo_home: Path) -> None:
    with pytest.raises(wb.ModelError):
        wb.sweep("random:no-such-model", SPACE, WORK, base=BASE)
