"""A space too large to race whole, for real on a tiny model: what is tried, what is told, going on after a kill."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import workbench as wb
from tests.conftest import WORKER
from tests.sweep.test_sweep import BASE, TINY, WORK, entries
from workbench.sweep import proposing
from workbench.sweep.rows import rows_of
from workbench.sweep.rules import Rules

pytestmark = pytest.mark.model

SPACE = {
    "attention": ["sdpa", "eager"],
    "dtype": ["float32", "bfloat16"],
    "padding_side": ["left", "right"],
    "cache": ["dynamic", "static"],
    "threads": [1],
    "sdpa_backend": ["auto", "math"],
}
POINTS = 2 * 2 * 2 * (2 + 1)  # sdpa_backend has an effect under sdpa alone
HOW: dict[str, Any] = {
    "base": BASE,
    "precision": 0.9,
    "when_busy": "beside",
    "exhaustive": 8,
    "proposals": 12,
    "seed": 3,
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[wb.Runs]:
    with wb.Runs(tmp_path_factory.mktemp("runs") / "runs.sqlite3") as runs:
        yield runs


@pytest.fixture(scope="module")
def found(demo_home: Path, runs: wb.Runs) -> wb.Sweep:
    sweep: wb.Sweep = wb.sweep(TINY, SPACE, WORK, host="inline", runs=runs, **HOW)
    return sweep


def test_as_many_points_as_asked_enter_the_race_and_the_result_says_of_how_many(found: wb.Sweep) -> None:
    assert found.search is not None
    assert (found.search.tried, found.search.of, found.search.ended_by) == (12, POINTS, "proposals")
    assert len(found.points) == 12
    assert len({str(point.config) for point in found.points}) == 12
    assert all(point.rounds >= Rules().screening for point in found.points)
    assert found.stopped_by == "precision"
    assert found.best is not None
    assert f"tried, of a space of {POINTS}" in str(found.verdict)
    remarks = rows_of(found)[2]
    assert any("no more were to be tried" in remark for remark in remarks)


def test_loads_are_as_few_as_the_batches_promise(found: wb.Sweep) -> None:
    assert found.search is not None
    assert found.groups == 2
    assert found.loads <= 2 * found.search.batches + 1  # two a batch, and one for leaders that meet again


def test_what_optuna_was_told_lies_in_its_own_storage_beside_the_store(found: wb.Sweep, runs: wb.Runs) -> None:
    with sqlite3.connect(runs.path.with_name(proposing.STUDIES)) as file:
        values = [value for (value,) in file.execute("select value from trial_values")]
        states = [state for (state,) in file.execute("select state from trials")]
    file.close()
    assert len(values) >= 1
    assert "COMPLETE" in states
    text = runs.path.with_name(proposing.STUDIES).read_bytes()
    assert str(Path.home()).encode() not in text


def test_the_same_call_repeats_nothing_and_asks_nothing(
    found: wb.Sweep, runs: wb.Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposing.Proposer, "ask", None)
    again = wb.sweep(TINY, SPACE, WORK, host="inline", runs=runs, **HOW)
    assert again.reused == again.runs == found.runs
    assert again.loads == 0
    assert (again.winner, again.points, again.search) == (found.winner, found.points, found.search)


def test_with_more_proposals_the_same_search_goes_on(found: wb.Sweep, runs: wb.Runs) -> None:
    more = wb.sweep(TINY, SPACE, WORK, host="inline", runs=runs, **{**HOW, "proposals": 18})
    assert more.key == found.key
    assert more.reused >= 12 * 3
    assert more.search is not None
    assert more.search.tried == 18
    assert [point.config for point in more.points[:12]] == [point.config for point in found.points]


def test_without_optuna_a_large_space_says_what_to_install_before_any_load(
    demo_home: Path, runs: wb.Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(wb.CapabilityError, match="pip install"):
        wb.sweep(TINY, SPACE, WORK, host="inline", runs=runs, fresh=True, **HOW)
    small = wb.sweep(TINY, {"threads": [1]}, WORK, host="inline", runs=runs, fresh=True, **HOW)
    assert small.search is None


def test_points_that_break_a_limit_are_told_and_do_not_win(demo_home: Path, runs: wb.Runs) -> None:
    limits = {"decode_tps": ">1e9"}
    none = wb.sweep(TINY, SPACE, WORK, "ttft_s", limits, host="inline", runs=runs, **HOW)
    assert none.best is None
    assert none.search is not None
    assert none.search.tried == 12  # it went on in spite of a first batch without any that keeps it
    assert {point.state for point in none.points} == {"constraint"}
    with sqlite3.connect(runs.path.with_name(proposing.STUDIES)) as file:
        told = list(file.execute("select key from trial_system_attributes where key like 'constraints:%'"))
    file.close()
    assert ("constraints:decode_tps",) in told


CALLER = """
import sys
import workbench as wb
from tests.sweep.test_widening import TINY, WORK, SPACE, HOW
wb.sweep(TINY, SPACE, WORK, runs=wb.Runs(sys.argv[1]), progress=lambda told: print(told.what.code, flush=True), **HOW)
"""


def killed(store: Path, word: str, times: int) -> None:
    """A caller, killed when it has said the word so often."""
    caller = subprocess.Popen(
        [sys.executable, "-c", CALLER, str(store)], stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    try:
        assert caller.stdout is not None
        while times:
            line = caller.stdout.readline()
            assert line, "it ended early"
            times -= word in line
        children = psutil.Process(caller.pid).children(recursive=True)
    finally:
        caller.send_signal(signal.SIGKILL)
        caller.wait()
        caller.stdout.close() if caller.stdout else None
    psutil.wait_procs([child for child in children if WORKER in _command(child)], timeout=30)


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@pytest.mark.parametrize("lost", [False, True], ids=["kept", "its file lost"])
def test_a_killed_search_goes_on_with_what_it_proposed(demo_home: Path, tmp_path: Path, lost: bool) -> None:
    store = tmp_path / "runs.sqlite3"
    killed(store, "proposed" if lost else "round", 2)
    if lost:
        store.with_name(proposing.STUDIES).unlink()
    with wb.Runs(store) as runs:
        key = runs.list(kind="sweepentry", limit=1000)[0]["result"]["key"]
        before = entries(runs, key)
        found = wb.sweep(TINY, SPACE, WORK, host="inline", runs=runs, **HOW)
        assert found.key == key
        assert found.reused == sum(len(entry.runs) for entry in before) > 0
        proposed = [entry for entry in entries(runs, key) if entry.event == "proposed"]
        assert proposed[: len([each for each in before if each.event == "proposed"])] == [
            each for each in before if each.event == "proposed"
        ]
    points = [wb.Config(**values) for entry in proposed for values in entry.points]
    assert len(points) == len(set(points))
    assert found.search is not None
    assert found.search.tried == 12
