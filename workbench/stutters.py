"""Steps far above their like, and what fell into the same time: found, never blamed on what was not seen.

The rule: a step of more than twice its like's median, and more than 6 robust standard deviations (1.4826 × the median
absolute deviation) above it. Like is: of prefill, requests with as many prompt tokens; of decode, all gaps. Between two
requests, where one could have begun, a stutter is what would be one in decode: else nobody would see it.
"""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from workbench.results import (
    CauseShare,
    DeviceWindow,
    Incident,
    LatencyCause,
    SteadyRequest,
    Stutter,
    StutterCause,
)
from workbench.results.latency import Phase

TIMES = 2.0
DEVIATIONS = 6.0
_NORMAL = 1.4826  # standard deviations in a median absolute deviation of normal noise
FEWEST = 8  # of its like; fewer have no usual
KEPT = 200  # the longest: what is beside them is looked up, and stored
PART = 0.2  # of the excess that a cause with a duration must cover to stand beside it
STILL = 0.5  # of the excess in which the process used no processor, to say that it stood still
OTHERS_CORES = 0.5  # of other processes, with hardly a core free
BUSY = 0.9


@dataclass(frozen=True)
class Usual:
    """Of the like of a step: median seconds, and of those off the processor; `from_s`: a stutter's least."""

    median_s: float
    off_cpu_s: float
    from_s: float


@dataclass(frozen=True)
class Step:
    """One that stuttered, CLOCK_MONOTONIC seconds."""

    request: int
    phase: Phase
    start_s: float
    seconds: float
    off_cpu_s: float
    usual: Usual

    @property
    def excess_s(self) -> float:
        return self.seconds - self.usual.median_s

    @property
    def end_s(self) -> float:
        return self.start_s + self.seconds


@dataclass(frozen=True)
class Found:
    """`kept`: the longest, in order. `from_s`: phase -> least seconds of one, where there is one number for all."""

    kept: tuple[Step, ...]
    count: int
    excess_s: float
    from_s: dict[str, float]


def usual(seconds: Sequence[float], off_cpu_s: Sequence[float]) -> Usual | None:
    """None for too few."""
    if len(seconds) < FEWEST:
        return None
    middle = median(seconds)
    apart = _NORMAL * median(abs(each - middle) for each in seconds)
    return Usual(middle, median(off_cpu_s), max(TIMES * middle, middle + DEVIATIONS * apart))


def find(requests: Sequence[SteadyRequest]) -> Found:
    """The stutters of a run."""
    by_length: dict[int, list[SteadyRequest]] = {}
    for request in requests:
        by_length.setdefault(request.prompt_tokens, []).append(request)
    prefill = {
        length: usual([each.steps_s[0] for each in like], [each.off_cpu_s[0] for each in like])
        for length, like in by_length.items()
    }
    decode = usual(
        [gap for each in requests for gap in each.steps_s[1:]], [off for each in requests for off in each.off_cpu_s[1:]]
    )
    steps: list[Step] = []
    free_s = requests[0].began_s if requests else 0.0  # when the model could have begun
    for at, request in enumerate(requests):
        scheduled = request.due_s < request.began_s
        ready_s = max(request.due_s, free_s) if scheduled else free_s
        if decode is not None and request.began_s - ready_s > decode.from_s:
            steps.append(Step(at, "between", ready_s, request.began_s - ready_s, 0.0, Usual(0.0, 0.0, decode.from_s)))
        start_s = request.began_s
        for place, (seconds, off_cpu_s) in enumerate(zip(request.steps_s, request.off_cpu_s, strict=True)):
            like = decode if place else prefill[request.prompt_tokens]
            if like is not None and seconds > like.from_s:
                steps.append(Step(at, "decode" if place else "prefill", start_s, seconds, off_cpu_s, like))
            start_s += seconds
        free_s = start_s
    only = next(iter(prefill.values())) if len(prefill) == 1 else None
    limits = {"prefill": only, "decode": decode}
    return Found(
        kept=tuple(sorted(heapq.nlargest(KEPT, steps, key=lambda step: step.excess_s), key=lambda step: step.start_s)),
        count=len(steps),
        excess_s=sum(step.excess_s for step in steps),
        from_s={phase: like.from_s for phase, like in limits.items() if like is not None},
    )


def explained(
    step: Step, incidents: Iterable[Incident], window: DeviceWindow | None, *, on_cpu: bool, waits: bool
) -> tuple[StutterCause, ...]:
    """What fell into the step, the surest first; "unseen" alone where nothing did.

    What takes a known time stands there when it covers a fifth of the excess. What is known only to have happened in
    the same request stands there when nothing is known to have happened in the step. on_cpu: the model computes there,
    so that a thread without a processor is a model that waits. waits: what threads wait for a processor is among the
    incidents; where it is not, others are named when they left hardly a core free.
    """
    inside = [each for each in incidents if _falls_into(each, step)]
    near = _together([each for each in inside if not each.whole], step)
    if window is not None and not waits and _crowded(window):
        near.append(StutterCause(cause="others", amount=window.others_cores))
    if window is not None and any(gpu.throttled for gpu in window.gpus):
        near.append(StutterCause(cause="throttle"))
    near += _together([each for each in inside if each.cause == "quota"], step)
    still_s = step.off_cpu_s - step.usual.off_cpu_s
    if on_cpu and not near and still_s >= STILL * step.excess_s:
        near.append(StutterCause(cause="not_running", seconds=still_s))
    if not near:
        near = _together([each for each in inside if each.whole and each.cause != "quota"], step)
    return tuple(near) or (StutterCause(cause="unseen"),)


def shares(stutters: Sequence[Stutter]) -> tuple[CauseShare, ...]:
    """Each cause's part of the stutters' excess, the largest first."""
    whole = sum(each.excess_s for each in stutters)
    beside: dict[LatencyCause, list[float]] = {}
    for each in stutters:
        for found in each.causes:
            beside.setdefault(found.cause, []).append(each.excess_s)
    found_shares = [
        CauseShare(cause=cause, stutters=len(excess), share=sum(excess) / whole) for cause, excess in beside.items()
    ]
    return tuple(sorted(found_shares, key=lambda each: -each.share))


def _falls_into(incident: Incident, step: Step) -> bool:
    """Most of the shorter lies in the other: a step's own incident touches its neighbours with its ends alone."""
    shared = min(incident.end_s, step.end_s) - max(incident.start_s, step.start_s)
    return shared > 0.5 * min(incident.end_s - incident.start_s, step.seconds)


def _together(incidents: Sequence[Incident], step: Step) -> list[StutterCause]:
    """One for each cause, the longest first; those with a duration where they cover enough of the excess."""
    found = []
    for cause in dict.fromkeys(each.cause for each in incidents):
        of_it = [each for each in incidents if each.cause == cause]
        known = [each.seconds for each in of_it if each.seconds is not None]
        amounts = [each.amount for each in of_it if each.amount is not None]
        if known and sum(known) < PART * step.excess_s:
            continue
        amount = (max if cause == "gc" else sum)(amounts) if amounts else None  # gc: the oldest generation
        found.append(StutterCause(cause=cause, seconds=sum(known) if known else None, amount=amount))
    return sorted(found, key=lambda each: -(each.seconds or 0.0))


def _crowded(window: DeviceWindow) -> bool:
    """Others at work, and hardly a core free for the model."""
    return (window.others_cores or 0.0) >= OTHERS_CORES and (window.cpu_busy_share or 0.0) >= BUSY
