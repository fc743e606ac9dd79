"""Default threads and waiting policy, chosen by measurement.

With more busy-waiting OpenMP threads than free cores, every operation waits for a thread that is not running: two
threads can be several times slower than one. So each setting is measured twice, on the machine as it is and beside one
busy process, and the rule below chooses.
"""

import os
from collections.abc import Callable, Sequence
from statistics import fmean, median
from typing import Any

from pydantic import ValidationError

from workbench.knobs.machine import waiting_environment
from workbench.machine import cache
from workbench.machine.child import run_module
from workbench.results import Cpu, ThreadChoice, TimedRun
from workbench.turn import taken, waiting
from workbench.words import Message, say
from workbench.words.format import seconds

PROBE = "workbench.probes.threads"
POLICIES = ("PASSIVE", "ACTIVE")
NOISE = 0.03  # two settings closer than this are equal: the one with fewer threads is kept
COLLAPSE = 1.25  # beside a busy process, slower than this many times one thread beside it
SHARED_CORES = 0.5  # others' use while it was measured, above which this is no quiet machine
_SECTION = "threads"
_BUDGET_S = 1.5  # for each policy: one round on the machine as it is, one beside a busy process
_TIMEOUT_S = 30.0

Setting = tuple[str, int]  # policy, threads


def candidates(cores: int) -> list[int]:
    """1, 2, 4, … and all physical cores."""
    return sorted({1 << power for power in range(cores.bit_length()) if 1 << power <= cores} | {cores})


def choose(
    quiet: dict[Setting, float], beside_busy: dict[Setting, float], busy_elsewhere: float | None
) -> ThreadChoice:
    """The fastest setting that does not collapse; within the noise the one with fewer threads, then the passive one.

    Collapsing is: beside one busy process, more than COLLAPSE times as slow as one thread beside it. On a machine that
    others use meanwhile the fastest is the one that is so beside a busy process: nobody saw this machine quiet.
    """
    one = ("PASSIVE", 1)
    limit = COLLAPSE * beside_busy[one]
    times = beside_busy if (busy_elsewhere or 0.0) > SHARED_CORES else quiet
    steady = [setting for setting in quiet if beside_busy[setting] <= limit]
    fastest = min(times[setting] for setting in steady)
    equal = [setting for setting in steady if times[setting] <= fastest * (1 + NOISE)]
    best = min(equal, key=lambda setting: (setting[1], POLICIES.index(setting[0])))
    return ThreadChoice(
        threads=best[1],
        omp_wait_policy=best[0],
        seconds={_name(setting): value for setting, value in quiet.items()},
        seconds_beside_busy={_name(setting): value for setting, value in beside_busy.items()},
        busy_elsewhere=busy_elsewhere,
        reason=_reason(best, quiet, beside_busy) if times is quiet else _shared(best, beside_busy),
    )


def _reason(best: Setting, quiet: dict[Setting, float], beside_busy: dict[Setting, float]) -> Message:
    """The winner against its strongest rival, with both numbers of each."""
    rivals = [setting for setting in quiet if setting != best]
    if not rivals:
        return say("machine.threads.one_core")
    rival = min(rivals, key=lambda setting: quiet[setting])
    collapsed = beside_busy[rival] > COLLAPSE * beside_busy["PASSIVE", 1]
    if collapsed:
        code = "machine.threads.rival_collapses"
    elif quiet[rival] <= quiet[best]:
        code = "machine.threads.rival_no_faster"
    else:
        code = "machine.threads.fastest"
    return say(
        code,
        threads=best[1],
        policy=best[0],
        time=seconds(quiet[best]),
        busy_time=seconds(beside_busy[best]),
        rival_threads=rival[1],
        rival_policy=rival[0],
        rival_time=seconds(quiet[rival]),
        rival_busy_time=seconds(beside_busy[rival]),
    )


def _shared(best: Setting, beside_busy: dict[Setting, float]) -> Message:
    if len(beside_busy) == 1:
        return say("machine.threads.one_core")
    rival = min((setting for setting in beside_busy if setting != best), key=lambda setting: beside_busy[setting])
    return say(
        "machine.threads.shared",
        busy_time=seconds(beside_busy[best]),
        rival_threads=rival[1],
        rival_policy=rival[0],
        rival_busy_time=seconds(beside_busy[rival]),
    )


def default_choice(reason: Message | None = None) -> ThreadChoice:
    """What is safe while nothing was measured: one thread beside any load, never waiting busily."""
    return ThreadChoice(
        threads=1, omp_wait_policy="PASSIVE", seconds={}, reason=reason or say("machine.threads.not_measured")
    )


def kept_choice(key: dict[str, Any]) -> ThreadChoice | None:
    kept = cache.load(_SECTION, key)
    if not isinstance(kept, dict):
        return None
    try:
        return ThreadChoice.from_dict(kept)
    except ValidationError:  # written by another version of the workbench
        return None


def measure_choice(cpu: Cpu, key: dict[str, Any], progress: Callable[[str], None] | None = None) -> ThreadChoice:
    """Measures and keeps the choice: about 12 s, during which the machine should be left alone."""
    counts = candidates(cpu.cores)
    if counts == [1]:
        return default_choice(say("machine.threads.one_core"))

    def tell(device: str, run: TimedRun | None) -> None:
        if progress is not None:
            progress(str(waiting(device, run)))

    with taken(("cpu",), tell=tell):
        return _measured(counts, key, progress)


def _measured(counts: list[int], key: dict[str, Any], progress: Callable[[str], None] | None) -> ThreadChoice:
    quiet: dict[Setting, float] = {}
    beside_busy: dict[Setting, float] = {}
    elsewhere: list[float] = []
    for policy in POLICIES:
        # one thread never waits for another, so both policies are the same there; measured among the passive ones,
        # because busy-waiting threads left over from a larger count would disturb it
        wanted = counts if policy == "PASSIVE" else [count for count in counts if count > 1]
        if progress is not None:
            progress(str(say("machine.threads.measuring", policy=policy)))
        environment = {**waiting_environment(policy), "OMP_NUM_THREADS": str(max(wanted))}
        told = run_module(PROBE, _arguments(wanted), environment, _TIMEOUT_S)
        for document in told.documents:
            setting = (policy, int(document["threads"]))
            (beside_busy if document["beside_busy"] else quiet)[setting] = median(document["seconds"])
            if not document["beside_busy"]:
                elsewhere.append(float(document["busy_elsewhere"] or 0.0))
        if told.problem is not None and policy == "PASSIVE":
            return default_choice(say("machine.threads.failed", problem=told.problem))
    complete = {setting: value for setting, value in quiet.items() if setting in beside_busy}
    choice = choose(complete, {setting: beside_busy[setting] for setting in complete}, fmean(elsewhere))
    unkept = cache.store(_SECTION, key, choice.to_dict())
    if unkept is not None and progress is not None:
        progress(str(unkept))
    return choice


def environment_for(choice: ThreadChoice) -> dict[str, str]:
    """What a process must have in its environment before it imports torch. A policy the person set stays."""
    if "OMP_WAIT_POLICY" in os.environ:
        return {"OMP_WAIT_POLICY": os.environ["OMP_WAIT_POLICY"]}
    return waiting_environment(choice.omp_wait_policy)


def _arguments(counts: Sequence[int]) -> list[str]:
    return ["--counts", ",".join(str(count) for count in counts), "--budget", str(_BUDGET_S)]


def _name(setting: Setting) -> str:
    return f"{setting[0]}:{setting[1]}"
