"""How speed changes along one parameter, for several configurations side by side."""

from typing import Any, Literal

from workbench.results.agreement import Agreement
from workbench.results.base import Interval, Result
from workbench.results.limits import Phase, PhaseWork, RoutedExperts
from workbench.results.resolved import Resolved
from workbench.results.workload import Workload
from workbench.words.message import Message


class RungLine(Result):
    """One configuration at one value. `samples`: metric -> one value a round; `failed`: why there are none.

    routed  experts that the rows chose, counted in the warm-up; None: dense, or not counted
    """

    samples: dict[str, tuple[float, ...]]
    peak_bytes: int | None
    peak_method: str
    resolved: Resolved | None
    failed: Message | None = None
    routed: RoutedExperts | None = None


class Rung(Result):
    """All configurations at one value, as the probe takes them: in rounds, forwards and backwards by turns."""

    lines: tuple[RungLine, ...]
    round_seconds: float
    others_cores: float | None


class ScanLine(Result):
    """One configuration. `label`: what tells it from the others; `padded`: share of the prompt that is padding."""

    label: str
    config: dict[str, Any]
    padded: float = 0.0


class ScanPoint(Result):
    """One configuration at one value.

    mean, ci95        metric -> mean over the rounds and its 95 % interval
    ratio, ratio_ci95  metric -> this line ÷ the first line, paired by round; empty on the first line
    limit_tps         decode tokens/s that the measured memory bandwidth allows (`workbench.limits`); None: not known
    prefill_limit_tps  prefill tokens/s that the measured rate of products allows; None: not known
    work              phase -> what it must at least do
    """

    line: int
    value: int
    rounds: int
    mean: dict[str, float]
    ci95: dict[str, Interval]
    ratio: dict[str, float]
    ratio_ci95: dict[str, Interval]
    peak_bytes: int | None
    limit_tps: float | None
    prefill_limit_tps: float | None = None
    work: dict[Phase, PhaseWork] = {}
    workload: Workload | None = None
    resolved: Resolved

    def limit(self, metric: str) -> float | None:
        """The bound of one of the metrics that a scan shows, from the two limits; None: not known, or it has none."""
        decode, prefill, work = self.limit_tps, self.prefill_limit_tps, self.work
        bounds = {
            "decode_tps": decode,
            "prefill_tps": prefill,
            "tpot_s": work["decode"].tokens / decode if decode and "decode" in work else None,
            "ttft_s": work["prefill"].tokens / prefill if prefill and "prefill" in work else None,
        }
        return bounds.get(metric)


class ScanEnd(Result):
    """Where a line ends before the scan does: the first value without a point, and why."""

    line: int
    value: int
    reason: Message


class Knee(Result):
    """Where one line's trade of latency for throughput turns (`workbench.knees`, which defines it).

    value      rows at the greatest throughput ÷ latency; None: not within what was scanned
    low, high  rows between which it lies; None: open on that side
    largest    rows that memory holds by the forecast; None: not known
    """

    line: int
    value: int | None
    low: int | None
    high: int | None
    largest: int | None
    said: Message


class Scan(Result):
    """Prefill and decode over `values` of `parameter`, one line a configuration.

    ended_by    values: all were done · limit: the model's context · memory · budget; `ended` says it in words
    agreement   of each further line with the first, at one value
    knees       of a batch scan, for each line
    """

    parameter: str
    values: tuple[int, ...]
    lines: tuple[ScanLine, ...]
    points: tuple[ScanPoint, ...]
    ends: tuple[ScanEnd, ...] = ()
    ended_by: Literal["values", "limit", "memory", "budget"]
    ended: Message
    agreement: tuple[Agreement, ...] = ()
    knees: tuple[Knee, ...] = ()
    workload: Workload
    cpu_busy_elsewhere: float | None = None
    seconds: float
    flags: tuple[Message, ...] = ()

    @property
    def shown(self) -> tuple[str, ...]:
        """The metrics that people see of it: over the batch, throughput is traded for latency."""
        traded = ("decode_tps", "tpot_s", "ttft_s")
        return traded if self.parameter == "batch_size" else ("prefill_tps", "decode_tps")

    def of(self, line: int) -> tuple[ScanPoint, ...]:
        """The points of one line, by value."""
        return tuple(sorted((point for point in self.points if point.line == line), key=lambda point: point.value))
