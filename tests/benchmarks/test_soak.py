"""A minute of mixed requests, toggles and reloads: no process stays, no record is lost, memory does not creep up."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.soak import Soaked, soak
from workbench.session import Session

pytestmark = [pytest.mark.model, pytest.mark.timeout(900)]

_MIB = 2**20
_LEAK = 40 * _MIB  # of a cycle, planted; a worker that is replaced gives back as much
_FEWEST = 24  # cycles: enough for an interval after the warm-up
_RELOAD = ({"dtype": "bfloat16"},)


@pytest.fixture(scope="module")
def minute(tmp_path_factory: pytest.TempPathFactory, tiny_mla: str) -> Iterator[Soaked]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(tmp_path_factory.mktemp("home")))
        yield soak(60.0, tiny_mla, least=_FEWEST, reloads=_RELOAD)


def test_a_minute_of_everything(minute: Soaked) -> None:
    assert minute.errors == []
    assert minute.orphans == []
    assert minute.delivered == minute.stored
    assert minute.done["measurement"] == minute.cycles >= _FEWEST
    assert minute.done["completions"] >= 3 * minute.cycles
    assert minute.threads[-1] - minute.threads[0] < 8
    assert minute.descriptors[-1] - minute.descriptors[0] < 8
    assert minute.slope("worker_bytes").ci95[0] < _LEAK / 4
    assert minute.slope("notebook_bytes").slope < _MIB


def test_a_leak_in_that_minute_would_have_been_seen(minute: Soaked) -> None:
    leaking = [held + at * _LEAK for at, held in enumerate(minute.worker_bytes)]
    assert Soaked(cycles=minute.cycles, worker_bytes=leaking).slope("worker_bytes").ci95[0] > _LEAK / 4


def test_a_lost_record_and_a_stray_process_are_seen(workbench_home: Path, tiny_mla: str) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def lose(session: Session, seen: Soaked) -> None:
        if seen.cycles == 1:
            session.runs.delete(session.runs.list(kind="measurement", limit=1)[0]["id"])
            started.append(subprocess.Popen(["sleep", "600"]))

    try:
        seen = soak(0.0, tiny_mla, least=3, reloads=_RELOAD, on_cycle=lose)
    finally:
        for process in started:
            process.kill()
            process.wait()
    assert seen.orphans == [str(process.pid) for process in started]
    assert seen.delivered == seen.stored + 1
