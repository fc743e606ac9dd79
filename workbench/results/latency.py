"""Latency over time: requests one after another for minutes, what stuttered and beside what, and a cold start."""

from typing import Any, ClassVar, Literal

from workbench.results.base import Interval, Result
from workbench.results.device import DeviceWindow
from workbench.results.resolved import Resolved
from workbench.results.workload import Workload
from workbench.words.message import Message

# gc: Python's garbage collector · compile: torch compiled · page_in: pages came from a disk · allocator: memory was
# asked of the driver or the kernel · quota: a cgroup's · others: other processes had the processor · throttle: heat, a
# fault or a power brake of the GPU, or clocks far below the run's · not_running: the process stood still · unseen:
# nothing of these
LatencyCause = Literal[
    "gc", "compile", "page_in", "allocator", "quota", "others", "throttle", "not_running", "unseen"
]  # fmt: skip
# between: a request could have begun, and had not
Phase = Literal["between", "prefill", "decode"]


class SteadyRequest(Result):
    """One request, CLOCK_MONOTONIC seconds.

    due_s          when it was to begin: its scheduled arrival; without a schedule the moment it began
    began_s        when it did
    steps_s        seconds until the first step's tokens, then from each step's tokens to the next's
    off_cpu_s      of each step: seconds in which the thread that runs the model used no processor
    decode_tokens  new tokens of a row that came after the first step
    major_faults   pages that the process waited for; switches: times that the kernel took the processor away; None: not
                   counted on this system
    """

    due_s: float
    began_s: float
    prompt_tokens: int
    new_tokens: int
    steps_s: tuple[float, ...]
    off_cpu_s: tuple[float, ...]
    decode_tokens: int
    major_faults: int | None = None
    switches: int | None = None

    @property
    def ttft_s(self) -> float:
        """From when it was due: time in the queue counts."""
        return self.began_s - self.due_s + self.steps_s[0]

    @property
    def e2e_s(self) -> float:
        return self.began_s - self.due_s + sum(self.steps_s)

    @property
    def tpot_s(self) -> float:
        return sum(self.steps_s[1:]) / self.decode_tokens

    @property
    def ended_s(self) -> float:
        return self.began_s + sum(self.steps_s)


class Incident(Result):
    """Something that can hold a step up, CLOCK_MONOTONIC seconds.

    start_s, end_s  of itself where that is known, else of the step or the request (`whole`) that it fell into
    seconds         that it took; None: not known
    amount          generation (gc), graphs (compile), pages (page_in), bytes (allocator)
    """

    cause: LatencyCause
    start_s: float
    end_s: float
    seconds: float | None = None
    amount: float | None = None
    whole: bool = False


class SteadyRuns(Result):
    """What the worker saw. `totals`: counted over the whole run; what this system does not count is absent.

    first_ttft_s  of the first request of all, before the run
    unserved      requests that were due before the end and had not begun
    dropped       incidents that were counted and not kept
    """

    requests: tuple[SteadyRequest, ...]
    incidents: tuple[Incident, ...]
    totals: dict[str, float]
    dropped: int
    began_s: float
    ended_s: float
    first_ttft_s: float
    unserved: int
    stopped_by: Literal["time", "kept"]
    device: str
    workload: Workload
    resolved: Resolved


class Percentiles(Result):
    """Seconds. A percentile of too few samples is None, and `needed` says how many it takes.

    n       samples; units: requests they came from, which are the sampling unit
    ci95    p50, p90, p99 -> interval; absent where so few leave an end of it open
    needed  p50, p90, p99 -> samples from which on the percentile is told; where it is, requests for its interval
    """

    n: int
    units: int
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    ci95: dict[str, Interval] = {}
    needed: dict[str, int] = {}


class LatencyPoint(Result):
    """Some requests that followed each other, for a chart: medians, and the slowest step after the first."""

    at_s: float
    requests: int
    ttft_s: float
    tpot_s: float
    slowest_gap_s: float


class Drift(Result):
    """How a latency changed over the run, in per cent a minute: of its median, or as a growth.

    ci95               None: too few requests, or too alike to tell
    smallest           the slope that would have been seen
    last_over_first    median of the last minute ÷ of the first; None: shorter than two minutes
    """

    percent_per_minute: float | None
    ci95: Interval | None = None
    seen: bool = False
    smallest: float | None = None
    last_over_first: float | None = None


class StutterCause(Result):
    """What fell into a stutter. `seconds` of it that are its own; None: not known. `amount`: see Incident."""

    cause: LatencyCause
    seconds: float | None = None
    amount: float | None = None


class Stutter(Result):
    """A step far above its like. `at_s`: its beginning, seconds from the run's; `excess_s`: above their median."""

    at_s: float
    seconds: float
    excess_s: float
    request: int
    phase: Phase
    causes: tuple[StutterCause, ...]


class CauseShare(Result):
    """`share` of the stutters' excess that has this cause beside it; causes may overlap. `stutters`: how many."""

    cause: LatencyCause
    stutters: int
    share: float


class ColdStart(Result):
    """Seconds from nothing to a first token. None: not measured.

    measured       now: a fresh worker, for this result · at_open: when the session began · none: not known
    start_s        the worker's start, the import of libraries (`import_s`) in it
    load_s         the model's load, with the one-token forward that proves the configuration
    first_token_s  TTFT of the first request after it
    cached_share   of the weight files that were in the page cache before; None: not known
    """

    measured: Literal["now", "at_open", "none"] = "none"
    start_s: float | None = None
    import_s: float | None = None
    load_s: float | None = None
    first_token_s: float | None = None
    cached_share: float | None = None


class LatencyRun(Result):
    """Fixed work under a steady load. The sampling unit is the request; for ITL too, whose gaps are not independent.

    every_s          between two arrivals, kept whatever the model does: TTFT and E2E count from them, time in the queue
                     included (no coordinated omission); None: each request begins when the one before has ended
    vary             lengths around the workload's
    unserved         requests that were due and had not begun at the end: what was measured is then better than it was
    series           at most 500 points, in order
    drift            ttft_s, tpot_s -> how it changed; lengths apart taken out
    stutters         the longest of `stutter_count`, in order; `stutter_s`: all their excess
    stutter_from_s   prefill, decode -> seconds from which a step counts as one; prefill absent where lengths vary
    causes           of the stutters that are listed, the largest share first
    totals           gc_pauses, gc_s, graphs, major_faults, switches, quota_s, …: over the run; absent: not counted here
    device           the whole run as the sampler saw it
    """

    KIND: ClassVar[str] = "latency"

    workload: Workload
    resolved: Resolved
    config: dict[str, Any]
    seconds: float
    every_s: float | None
    vary: bool
    requests: int
    unserved: int
    requests_per_s: float
    tokens_per_s: float
    ttft: Percentiles
    itl: Percentiles
    tpot: Percentiles
    e2e: Percentiles
    series: tuple[LatencyPoint, ...]
    drift: dict[str, Drift]
    stutters: tuple[Stutter, ...]
    stutter_count: int
    stutter_s: float
    stutter_from_s: dict[str, float]
    causes: tuple[CauseShare, ...]
    totals: dict[str, float]
    cold_start: ColdStart
    device: DeviceWindow
    stopped_by: str
    flags: tuple[Message, ...] = ()
