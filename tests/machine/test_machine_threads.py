import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from workbench import machine
from workbench.machine import threads
from workbench.machine.threads import Setting, candidates, choose
from workbench.results import Cpu


@pytest.mark.parametrize(
    ("cores", "counts"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8]), (12, [1, 2, 4, 8, 12])]
)
def test_candidates(cores: int, counts: list[int]) -> None:
    assert candidates(cores) == counts


P1, P2, A2, P4 = ("PASSIVE", 1), ("PASSIVE", 2), ("ACTIVE", 2), ("PASSIVE", 4)
TABLE: list[tuple[str, dict[Setting, float], dict[Setting, float], Setting, str]] = [
    (
        "busy waiting is faster alone and collapses in company",
        {P1: 11.0, P2: 13.0, A2: 7.6},
        {P1: 11.5, P2: 13.0, A2: 20.0},
        P1,
        "rival_collapses",
    ),
    ("more threads win", {P1: 10.0, P2: 6.0, A2: 5.9}, {P1: 10.0, P2: 8.0, A2: 9.0}, P2, "rival_no_faster"),
    ("busy waiting wins where it does not collapse", {P1: 10.0, A2: 5.0}, {P1: 10.0, A2: 12.0}, A2, "fastest"),
    ("within the noise the fewer threads", {P1: 10.0, P2: 9.8}, {P1: 10.0, P2: 10.0}, P1, "rival_no_faster"),
    ("just beyond the noise the faster", {P1: 10.0, P2: 9.6}, {P1: 10.0, P2: 10.0}, P2, "fastest"),
    (
        "all cores collapse, half of them do not",
        {P1: 9.0, P2: 5.0, P4: 3.0},
        {P1: 9.0, P2: 5.0, P4: 30.0},
        P2,
        "rival_collapses",
    ),
    ("one thread only", {P1: 9.0}, {P1: 9.0}, P1, "one_core"),
]


@pytest.mark.parametrize(("_what", "quiet", "busy", "best", "reason"), TABLE)
def test_choice(
    _what: str, quiet: dict[Setting, float], busy: dict[Setting, float], best: Setting, reason: str
) -> None:
    choice = choose(quiet, busy, 0.0)
    assert (choice.omp_wait_policy, choice.threads) == best
    assert choice.reason.code == f"machine.threads.{reason}"
    assert "{" not in str(choice.reason)
    assert choice.seconds == {f"{policy}:{count}": value for (policy, count), value in quiet.items()}


def test_on_a_shared_machine_the_fastest_beside_a_busy_process_is_chosen() -> None:
    """Busy waiting looked faster by chance of the moment, and was slower wherever somebody else computed."""
    quiet, busy = {P1: 6.0, P2: 7.0, A2: 5.0}, {P1: 7.9, P2: 8.5, A2: 9.4}
    assert choose(quiet, busy, 0.1).omp_wait_policy == "ACTIVE"
    choice = choose(quiet, busy, 0.7)
    assert (choice.omp_wait_policy, choice.threads) == P1
    assert choice.reason.code == "machine.threads.shared"
    assert "{" not in str(choice.reason)


def test_unmeasured_is_safe_and_says_so(workbench_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    choice = machine.thread_choice()
    assert (choice.threads, choice.omp_wait_policy, choice.measured) == (1, "PASSIVE", False)
    assert "not measured" in str(choice.reason).lower()
    assert machine.worker_environment() == {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
    assert not (workbench_home / "machine.json").exists()


def test_a_policy_that_the_person_set_stays(workbench_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert machine.worker_environment() == {"OMP_WAIT_POLICY": "ACTIVE"}


def test_measured_for_real_then_kept(workbench_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_BUDGET_S", 0.05)
    cpu = Cpu(name="x", cores=2, logical_cores=2, features=(), memory_bytes=1, available_bytes=1)
    told: list[str] = []
    choice = threads.measure_choice(cpu, {"cpu": "x"}, told.append)
    assert set(choice.seconds) == {"PASSIVE:1", "PASSIVE:2", "ACTIVE:2"} == set(choice.seconds_beside_busy)
    assert all(0 < seconds < 10 for seconds in choice.seconds.values())
    assert f"{choice.omp_wait_policy}:{choice.threads}" in choice.seconds
    assert len(told) == 2
    assert threads.kept_choice({"cpu": "x"}) == choice
    assert threads.kept_choice({"cpu": "another"}) is None


def test_a_failed_measurement_is_told_and_not_kept(workbench_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "PROBE", "workbench.probes.no_such_probe")
    cpu = Cpu(name="x", cores=2, logical_cores=2, features=(), memory_bytes=1, available_bytes=1)
    choice = threads.measure_choice(cpu, {"cpu": "x"})
    assert (choice.threads, choice.omp_wait_policy) == (1, "PASSIVE")
    assert "no_such_probe" in str(choice.reason)
    assert threads.kept_choice({"cpu": "x"}) is None


def test_one_core_is_not_measured(workbench_home: Path) -> None:
    cpu = Cpu(name="x", cores=1, logical_cores=1, features=(), memory_bytes=1, available_bytes=1)
    assert threads.measure_choice(cpu, {}).reason.code == "machine.threads.one_core"


def test_the_busy_process_ends_with_the_probe() -> None:
    code = (
        "import json, psutil; from workbench.probes.threads import busy_process\n"
        "with busy_process(60) as pid:\n"
        "    print(json.dumps([pid, psutil.Process(pid).status()]))\n"
    )
    out = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout
    pid, _status = json.loads(out)
    assert not psutil.pid_exists(pid)


@pytest.mark.skipif(sys.platform == "win32", reason="a parent's death is not seen on Windows: its deadline ends it")
def test_the_busy_process_ends_when_the_probe_is_killed() -> None:
    code = (
        "import os, signal; from workbench.probes.threads import busy_process\n"
        "with busy_process(60) as pid:\n"
        "    print(pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == -9
    spinner = int(ended.stdout)
    if psutil.pid_exists(spinner):
        psutil.Process(spinner).wait(timeout=30)
