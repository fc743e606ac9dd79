"""Timed runs take turns: between threads, processes and users, past hostile files, killed holders and impatience."""

import itertools
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.turn.turns import GPU, HOLDER, MARKS, NOBODY, Other, is_free, refuse, running
from workbench import turn
from workbench.machine import threads
from workbench.machine.child import Told
from workbench.results import Cpu, TimedRun


@pytest.mark.parametrize("user", ["the same", "another"])
def test_whoever_holds_it_is_named_and_waited_for(
    user: str, locks: Path, others: Callable[..., Other], monkeypatch: pytest.MonkeyPatch
) -> None:
    if user == "another" and (sys.platform == "win32" or os.geteuid()):
        pytest.skip("only root can be two users")
    other = others(HOLDER, GPU, uid=NOBODY if user == "another" else None)
    assert other.hears() == "in"
    told: list[tuple[str, TimedRun | None]] = []

    def tell(device: str, run: TimedRun | None) -> None:
        told.append((device, run))
        other.go_on()

    with turn.taken(["cpu", GPU.removeprefix("GPU-").lower()], tell=tell) as problem:  # as torch writes it
        assert problem is None
        assert other.hears() == "out"
        mine = running("cpu")
        assert (mine.notebook, mine.pid, mine.ours) == (turn.notebook_name(), os.getpid(), True)
        (device, run), *_ = told
        assert run is not None
        assert (run.notebook, run.pid, run.ours) == ("theirs.ipynb", other.process.pid, user == "the same")
        assert device == GPU.removeprefix("GPU-").lower()
        assert str(turn.waiting("cuda:0", run)) == (
            f"waiting for theirs.ipynb (process {other.process.pid}) to finish its timed run on cuda:0"
        )
        assert run.user is not None
        assert run.user not in json.dumps(run.to_dict())
    assert turn.running("cpu") is None
    assert turn.running(GPU) is None
    if user == "another":  # and the other way round, over files that root made
        with turn.taken(["cpu"]):
            second = others(HOLDER, "cpu", uid=NOBODY)
            assert second.hears() == f"waits {os.getpid()}"
        assert [line for line in iter(second.hears, "in") if not line.startswith("waits")] == []
        assert not is_free("cpu")


def test_two_that_want_it_again_and_again_never_overlap_and_alternate(
    locks: Path, others: Callable[..., Other]
) -> None:
    both = [others(MARKS, "cpu", "10") for _ in range(2)]
    assert [other.hears() for other in both] == ["ready", "ready"]
    for other in both:
        other.go_on()
    spans = [
        (*map(float, line.split()), side)
        for side, other in enumerate(both)
        for line in other.process.communicate()[0].splitlines()
    ]
    assert len(spans) == 20
    spans.sort()
    assert all(earlier[1] <= later[0] for earlier, later in itertools.pairwise(spans))
    # while both want it, nobody has it twice before the other, who asked in between, had it once
    sides = [int(side) for *_, side in spans]
    meeting = sides[sides.index(1 - sides[0]) : len(sides) - sides[::-1].index(1 - sides[-1])]
    assert len(meeting) > 10
    assert all(set(meeting[at : at + 3]) == {0, 1} for at in range(len(meeting) - 2))


def test_the_doctors_measurement_waits_its_turn(
    locks: Path, others: Callable[..., Other], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = others(HOLDER, "cpu")
    assert other.hears() == "in"
    said: list[str] = []

    def tell(words: str) -> None:
        said.append(words)
        if len(said) == 1:
            other.go_on()

    def measured(*_arguments: object) -> Told:
        assert turn.has_turn(["cpu"])
        return Told((), problem="not measured in this test")

    monkeypatch.setattr(threads, "run_module", measured)
    cpu = Cpu(name="", cores=2, logical_cores=2, features=(), memory_bytes=1, available_bytes=1)
    assert threads.measure_choice(cpu, {}, tell).reason.code == "machine.threads.failed"
    assert said[0] == f"waiting for theirs.ipynb (process {other.process.pid}) to finish its timed run on cpu"
    assert turn.running("cpu") is None


def test_a_killed_holder_frees_it_at_once(locks: Path, others: Callable[..., Other]) -> None:
    other = others(HOLDER, "cpu")
    assert other.hears() == "in"
    assert not is_free("cpu")
    other.end()
    assert is_free("cpu")
    assert turn.running("cpu") is None


def test_a_dead_holders_note_is_believed_by_nobody_and_taken_away(locks: Path, others: Callable[..., Other]) -> None:
    other = others(HOLDER, "cpu")
    assert other.hears() == "in"
    other.end()
    (stale,) = locks.glob("*.json")
    os.utime(stale, (1, 1))
    living = others(HOLDER, "cpu")
    assert living.hears() == "in"
    assert running("cpu").pid == living.process.pid
    living.go_on()
    assert living.hears() == "out"
    assert turn.running("cpu") is None
    assert list(locks.glob("*.json")) == []


def test_two_threads_of_one_process_take_turns_and_nested_work_has_its_own(locks: Path) -> None:
    inside: list[str] = []

    def work(name: str) -> None:
        with turn.taken(["cpu"]):
            inside.append(f"{name} begins")
            with turn.taken(["cpu"]):
                assert turn.has_turn(["cpu"])
                time.sleep(0.2)
            assert turn.has_turn(["cpu"])
            inside.append(f"{name} ends")
        assert not turn.has_turn(["cpu"])

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert inside in (["a begins", "a ends", "b begins", "b ends"], ["b begins", "b ends", "a begins", "a ends"])


def test_nested_work_never_waits_with_a_lock_in_its_hand(locks: Path, others: Callable[..., Other]) -> None:
    other = others(HOLDER, "cpu")
    assert other.hears() == "in"
    with turn.taken([GPU]), turn.taken(["cpu"], check=refuse):
        assert not turn.has_turn(["cpu"])


def test_a_child_of_a_timed_run_has_its_turn_and_no_other_process_has(
    locks: Path, others: Callable[..., Other]
) -> None:
    with turn.taken(["cpu"]):
        passed_on = turn.environment()
        assert others(HOLDER, "cpu", **passed_on).hears() == "in"
        grandchild = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1], 'cpu'])"
        assert others(grandchild, HOLDER, **passed_on).hears() == "in"
        note = passed_on["WORKBENCH_TURN"]
        for lie in (note.replace(str(os.getpid()), "1"), note[:-8] + "0.json", "cpu:../x", "cpu", ",,", "cpu:cpu.lock"):
            liar = others(HOLDER, "cpu", WORKBENCH_TURN=lie)
            assert liar.hears() == f"waits {os.getpid()}"
            liar.end()
    assert turn.environment() == {}
    with turn.taken(["cpu"]):  # what was passed on for a turn that is over is worth nothing
        assert others(HOLDER, "cpu", **passed_on).hears() == f"waits {os.getpid()}"


def test_a_note_that_somebody_else_holds_is_no_parents(locks: Path, others: Callable[..., Other]) -> None:
    other = others(HOLDER, "cpu")
    assert other.hears() == "in"
    (note,) = locks.glob("cpu.*.json")
    assert others(HOLDER, "cpu", WORKBENCH_TURN=f"cpu:{note.name}").hears() == f"waits {other.process.pid}"


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (["/x/workbench/__main__.py", "--quiet", "measure", "demo"], "workbench measure"),
        (["/x/pytest/__main__.py", "tests"], "pytest"),
        (["/x/train.py", "measure"], "train.py"),
        (["-c"], "python"),
    ],
)
def test_a_program_is_named_as_people_started_it(monkeypatch: pytest.MonkeyPatch, argv: list[str], name: str) -> None:
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.setattr("sys.argv", argv)
    assert turn.notebook_name() == name
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/me/02.ipynb")
    assert turn.notebook_name() == "02.ipynb"
