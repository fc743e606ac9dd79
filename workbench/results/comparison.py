"""Two configurations judged against each other: paired, interleaved, with a noise floor."""

from typing import Any, Literal

from workbench.results.agreement import Agreement
from workbench.results.base import Interval, Result
from workbench.results.device import RunConditions
from workbench.results.resolved import Resolved
from workbench.results.workload import Workload
from workbench.words.message import Message

Way = Literal["live", "two_engines", "alternating"]


class NoiseFloor(Result):
    """What neighbouring runs of one configuration differ by: the spread of their log-ratio, a standard deviation.

    Runs alternate A B B A A B …, so that each pair's last run has a neighbour of its own configuration. A quick
    estimate has too few of them: its floor is that of earlier comparisons of the same work here, or empty.
    """

    spread: dict[str, float]  # by metric
    pairs: int


class Block(Result):
    """One unit of a comparison, as a probe takes it: metric -> value, of several runs their geometric mean.

    seconds     of the runs together
    conditions  what the device was like meanwhile
    peak_bytes  highest memory from the warm-up on, where it was asked for
    """

    run: dict[str, float]
    seconds: float
    conditions: RunConditions
    workload: Workload
    peak_bytes: int | None = None

    @property
    def others_cores(self) -> float | None:
        """Used by other processes meanwhile; None: not known."""
        return self.conditions.others_cores


class SideConditions(Result):
    """What the device was like while one side of a comparison ran. None: cannot be told.

    sm_clock_mhz        mean over its runs; temperature_c: the highest
    power_capped_share  share of its runs at the GPU's power limit
    """

    sm_clock_mhz: float | None = None
    temperature_c: int | None = None
    power_capped_share: float | None = None


class CompareCost(Result):
    """What a comparison takes, before it starts.

    way           live: one resident model · two_engines: a second one beside it · alternating: one, reloaded each time
    loads         how often weights are loaded, there and back
    load_seconds  of one load, as the last one took here; None: not measured
    seconds       all loads and the pairs, at most; None: not known
    bytes         memory that the second engine takes; 0 when there is none
    pairs         expected for the asked precision, from the noise floor of earlier comparisons; None: none yet
    quick_seconds  of an estimate without a verdict (`quick=True`); None: not known
    """

    way: Way
    loads: int
    load_seconds: float | None
    seconds: float | None
    bytes: int
    pairs: int | None
    quick_loads: int
    quick_seconds: float | None
    text: Message

    def __str__(self) -> str:
        return str(self.text)


class Comparison(Result):
    """b against a. Ratios are b ÷ a: geometric means over pairs of short runs that alternated (A B B A …).

    a, b             the configurations, as dicts of knobs
    ratio, ci95      metric -> ratio and its 95 % interval on the paired log-ratio; no interval from a single pair
    mean_a, mean_b   metric -> mean over the pairs, in the metric's unit
    noise_floor      metric -> the ratio (≥ 1) that one configuration against itself could show by chance
    smallest_effect  metric -> the ratio above which a difference would have been seen (≥ 1)
    verdict          metric -> a sentence; `seen` holds the metrics with a difference
    samples          metric -> one (a, b) per pair, in order
    pairs            that were judged; `set_aside` more were disturbed by other processes or by throttling, and repeated
    held_back        what held the device below its speed in any run (see RunConditions); `flags` say what came of it
    conditions_a, _b clocks, temperature and power cap of the judged runs
    way, loads       how it was done (see CompareCost); when alternating, a pair is a pair of loads, each with several
                     runs whose geometric mean counts as one
    quick            an estimate without a verdict
    shared           other processes were busy during most pairs: no verdict either
    agreement        whether both compute the same; None where both are not on one resident model
    stopped_by       "precision", "budget" or "quick"
    """

    a: dict[str, Any]
    b: dict[str, Any]
    resolved_a: Resolved
    resolved_b: Resolved
    workload: Workload
    ratio: dict[str, float]
    ci95: dict[str, Interval]
    mean_a: dict[str, float]
    mean_b: dict[str, float]
    noise_floor: dict[str, float]
    smallest_effect: dict[str, float]
    seen: tuple[str, ...]
    verdict: dict[str, Message]
    samples: dict[str, tuple[tuple[float, float], ...]]
    pairs: int
    set_aside: int = 0
    floor: NoiseFloor
    way: Way = "live"
    loads: int = 0
    quick: bool = False
    shared: bool = False
    agreement: Agreement | None = None
    loop: str = "transformers.generate"
    cpu_busy_elsewhere: float | None = None
    held_back: tuple[str, ...] = ()
    conditions_a: SideConditions = SideConditions()
    conditions_b: SideConditions = SideConditions()
    stopped_by: str
    seconds: float
    flags: tuple[Message, ...] = ()

    @property
    def resolved(self) -> Resolved:
        return self.resolved_b
