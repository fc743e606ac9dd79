"""Memory over requests of random length: really run, a planted leak is seen, and what cannot be here is told."""

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import workbench as wb
from workbench.charts import DARK, LIGHT, figure
from workbench.charts.memory_health import memory_health as chart
from workbench.cli.memory import lines
from workbench.export.memory_health import memory_health as told
from workbench.memory_health import lengths_of
from workbench.probes.memory_health import Ledger, growth_of
from workbench.results import AllocatorState, MemoryHealth
from workbench.results.memory_health import HealthRun
from workbench.widgets.tables import show
from workbench.words import say

WORK = wb.Workload(prompt_tokens=64, new_tokens=4)
MIB, GIB = 1 << 20, 1 << 30


@pytest.fixture(scope="module")
def session(demo_home: Path) -> Iterator[wb.Session]:
    name = "random:deepseek-llm-7b-base?scale=tiny"
    with wb.Session(name, config=wb.Config(dtype="float32", threads=1), host="inline") as opened:
        yield opened


@pytest.fixture(scope="module")
def worker(demo_home: Path) -> Iterator[wb.Session]:
    """A process in which nothing else keeps anything, as pytest does for each test."""
    name = "random:deepseek-llm-7b-base?scale=tiny"
    with wb.Session(name, config=wb.Config(dtype="float32", threads=1)) as opened:
        yield opened


@pytest.fixture(scope="module")
def found(worker: wb.Session) -> MemoryHealth:
    return worker.memory_health(WORK, requests=48, seed=3, budget_s=600)


def test_lengths_come_twice_and_the_longest_is_among_the_first() -> None:
    longest = wb.Workload(prompt_tokens=640, new_tokens=32)
    lengths = lengths_of(longest, 40, seed=1)
    assert len(lengths) == 40
    assert sorted(lengths[:20]) == sorted(lengths[20:])
    assert lengths[:20] != lengths[20:]
    assert (640, 32) in lengths[:20]
    assert all(40 <= prompt <= 640 and 8 <= new <= 32 for prompt, new in lengths)
    assert lengths == lengths_of(longest, 40, seed=1) != lengths_of(longest, 40, seed=2)
    assert len(lengths_of(longest, 3, seed=1)) == 3
    assert lengths_of(wb.Workload(prompt_tokens=1, new_tokens=2), 2, seed=0) == [(1, 2)] * 2


@pytest.mark.model
def test_the_heap_is_read_after_each_request(found: MemoryHealth, worker: wb.Session) -> None:
    (run,) = found.runs
    assert [(point.prompt_tokens, point.new_tokens) for point in run.points] == lengths_of(found.workload, 48, 3)
    assert run.stopped_by == "requests"
    assert run.resolved.allocator == ""
    if run.after.source is None:
        assert run.after.missing is not None
        return
    for point in run.points:
        held, used = point.state.held, point.state.in_use
        assert held is not None
        assert used is not None
        assert held >= used > worker.resolved.weight_bytes
        assert 0 <= point.state.unused_share < 1  # type: ignore[operator]
        assert point.peak_bytes >= point.need_bytes
    assert run.need_bytes > 0
    assert abs(run.growth["in_use"].slope) < 1024
    assert not run.growth["in_use"].seen
    kept = worker.runs.list(kind="memory-health")[0]
    assert MemoryHealth.from_dict(kept["result"]) == found
    assert kept["schema"] == "workbench.memory-health/1"


@pytest.mark.model
def test_what_a_request_keeps_is_seen(session: wb.Session, found: MemoryHealth) -> None:
    if found.runs[0].after.source is None:
        pytest.skip("this C library does not tell its heap's state")
    kept: list[torch.Tensor] = []

    def keep(_module: Any, _given: Any, _made: Any) -> None:
        kept.append(torch.zeros(32 * 1024, dtype=torch.uint8))

    handle = session.model.lm_head.register_forward_hook(keep)
    try:
        leaky = session.memory_health(WORK.replace(new_tokens=2), requests=96, budget_s=600)
    finally:
        handle.remove()
    growth = leaky.runs[0].growth["in_use"]
    assert growth.seen
    assert growth.slope == pytest.approx(2 * 32 * 1024, rel=0.1)  # one for each of two tokens
    assert "something is kept" in " ".join(told(leaky).remarks)
    assert "something is kept" not in " ".join(told(found).remarks)


def test_the_probes_own_notes_take_no_memory_later() -> None:
    before = AllocatorState(source="glibc", reserved=GIB, allocated=MIB)
    ledger = Ledger(500, before)
    ledger.add(1, 1, before)
    tracemalloc.start()
    try:
        for at in range(400):
            ledger.add(7 * GIB + at, 5, before)
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert taken < 4096
    points = ledger.points([(8, 2)] * 500)
    assert len(points) == 401
    assert (points[-1].peak_bytes, points[-1].need_bytes, points[-1].state) == (7 * GIB + 399, 5, before)


def test_growth_needs_requests_and_something_to_matter() -> None:
    def states(step: int, count: int) -> list[AllocatorState]:
        return [AllocatorState(source="glibc", reserved=GIB, allocated=MIB + step * at) for at in range(count)]

    assert growth_of(states(2048, 6))["in_use"].ci95 is None
    assert growth_of(states(2048, 40))["in_use"].seen
    assert growth_of(states(2048, 40))["held"].slope == 0
    assert not growth_of(states(10, 40))["in_use"].seen  # certain, and of no account
    assert "resident" not in growth_of(states(1, 40))
    # steps that follow each other, which a straight line misses by alike amounts: the steps tell
    bent = [
        AllocatorState(source="glibc", reserved=GIB, allocated=MIB + 4096 * at + 50 * (at - 30) ** 2)
        for at in range(40)
    ]
    assert growth_of(bent)["in_use"].seen
    level = [AllocatorState(source="glibc", reserved=GIB, allocated=MIB + 90 * (at // 20 % 2)) for at in range(80)]
    assert not growth_of(level)["in_use"].seen


@pytest.mark.model
def test_allocators_are_compared_in_fresh_workers_where_they_can_be(demo_home: Path) -> None:
    config = wb.Config(dtype="float32", threads=1)
    with wb.Session("random:deepseek-llm-7b-base?scale=tiny", config=config) as opened:
        before, pid = opened.generate("The sea", max_new_tokens=4)[0].token_ids, opened.pid
        found = opened.memory_health(WORK, requests=4, compare=("default", "expandable_segments"), budget_s=600)
        assert opened.pid not in (None, pid)
        assert opened.config == config
        assert opened.generate("The sea", max_new_tokens=4)[0].token_ids == before
        if not opened.machine.gpus:
            assert [run.allocator for run in found.runs] == ["default"]
            (cannot,) = found.unavailable
            assert cannot.allocator == "expandable_segments"
            assert cannot.reason.code == "capability.no_gpu"
            assert "expandable_segments was not measured: needs a CUDA GPU" in " ".join(told(found).remarks)
            with pytest.raises(wb.ConfigError, match="None of these"):
                opened.memory_health(WORK, requests=2, compare=["expandable_segments"])


@pytest.mark.model
def test_what_cannot_be_asked(session: wb.Session) -> None:
    with pytest.raises(wb.CapabilityError, match="host='process'"):
        session.memory_health(WORK, compare=("default",))
    with pytest.raises(wb.ConfigError):
        session.memory_health(WORK, requests=0)
    with pytest.raises(wb.ConfigError):
        session.memory_health(WORK, budget_s=0)
    with pytest.raises(wb.ConfigError, match="prompts"):
        session.memory_health(wb.Workload(prompts=["one"], new_tokens=2))
    ended = session.memory_health(WORK, requests=40, budget_s=1e-3)
    assert ended.runs[0].stopped_by == "budget"
    assert len(ended.runs[0].points) == 2
    assert "memory_health.flag.budget" in {flag.code for flag in ended.flags}


def on_gpu(found: MemoryHealth) -> MemoryHealth:
    """The same requests as a GPU could have seen them, under two allocators there and back."""

    def run(allocator: str, spare: int, retries: int) -> HealthRun:
        states = [
            AllocatorState(
                source="cuda",
                reserved=8 * GIB + (at + 1) * spare,
                allocated=8 * GIB,
                inactive_split=(at + 1) * spare // 2,
                largest_free=spare,
                segments=40,
                expandable=40 if allocator != "default" else 0,
                retries=retries,
                refusals=0,
                device_free=GIB,
            )
            for at in range(len(found.runs[0].points))
        ]
        points = [
            point.model_copy(update={"state": state, "need_bytes": GIB})
            for point, state in zip(found.runs[0].points, states, strict=True)
        ]
        before = states[0].model_copy(update={"retries": 0})
        changes = {"allocator": allocator, "before": before, "points": tuple(points), "given_back": before}
        return found.runs[0].model_copy(update={**changes, "growth": growth_of(states)})

    runs = [run("default", 32 * MIB, 2), run("expandable_segments", 2 * MIB, 0)]
    return found.model_copy(update={"runs": (*runs, *reversed(runs)), "unavailable": ()})


@pytest.mark.model
def test_shown_and_drawn(found: MemoryHealth) -> None:
    table = show(found)
    assert table.heading in (("glibc",), ("default",))
    assert len(figure(found).data) == (3 if found.runs[0].after.source else 0)
    assert "\n".join(lines(found))
    gpu = on_gpu(found)
    heading, rows, remarks = told(gpu)
    assert heading == ("default (1)", "expandable_segments (1)", "expandable_segments (2)", "default (2)")
    cells = {label: values for label, *values in rows}
    assert cells["inactive_split ÷ reserved"][0].startswith("7.89")
    assert cells["1 − allocated ÷ reserved"][0].startswith("15.8")
    assert cells["retries after a refusal"] == ["2", "0", "0", "2"]
    assert "default: the driver refused 2 times" in " ".join(remarks)
    assert "expandable_segments: the driver" not in " ".join(remarks)
    for theme in (LIGHT, DARK):
        drawn = chart(gpu, theme)
        assert len(drawn["data"]) == 12
        assert [trace["showlegend"] for trace in drawn["data"]] == [True] * 6 + [False] * 6
        assert len({(trace["line"]["color"], trace["line"]["dash"]) for trace in drawn["data"]}) == 6
        assert drawn["layout"]["shapes"][0]["y0"] == 1.0  # GiB
        assert json.dumps(drawn)


@pytest.mark.model
def test_an_allocator_that_tells_nothing_is_said_and_not_drawn(found: MemoryHealth) -> None:
    silent = AllocatorState(source=None, missing=say("memory_health.missing.malloc", platform="<b>"))
    run = found.runs[0]
    points = tuple(point.model_copy(update={"state": silent}) for point in run.points)
    changes = {"before": silent, "points": points, "given_back": silent, "growth": {}}
    blind = found.model_copy(update={"runs": (run.model_copy(update=changes),)})
    drawn = chart(blind, LIGHT)
    assert drawn["data"] == []
    assert "&lt;b&gt;" in drawn["layout"]["annotations"][0]["text"]
    cells = dict(told(blind).rows)
    assert cells["free ÷ heap" if "free ÷ heap" in cells else "1 − allocated ÷ reserved"].startswith("not measured")
    assert "too few requests" in " ".join(told(blind).remarks)
