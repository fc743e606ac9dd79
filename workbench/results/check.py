"""A kept configuration measured again, against its record."""

from typing import Any, Literal

from workbench.results.base import Interval, Result
from workbench.results.measurement import Measurement
from workbench.results.resolved import Resolved
from workbench.results.workload import Workload
from workbench.words import Message

TOLERANCE = 0.1

Checked = Literal["no_regression", "regression", "unknown"]


class CheckedMetric(Result):
    """recorded, now: means; ratio: now ÷ recorded with its 95 % interval (None where one has none; never paired)."""

    recorded: float
    recorded_ci95: Interval | None
    now: float
    now_ci95: Interval | None
    ratio: float
    ratio_ci95: Interval | None
    verdict: Checked
    said: Message


class Check(Result):
    """Whether a configuration still does what its record says.

    ok         no metric got worse; only then is the exit status 0
    verdict    regression: a metric is worse, with its whole interval beyond `tolerance` and beyond the recorded
               interval; unknown: there is no verdict, and `reasons` say why
    tolerance  share by which a metric may be worse: 0.1 is 10 %
    run        number of the new measurement in the store; None: it could not be kept
    config     as asked: knob -> value
    record     number of the record; None: it came from a file. record_time: when it was measured
    caveats    what is not as it was (machine, versions), where it was compared anyway
    """

    ok: bool
    verdict: Checked
    said: Message
    tolerance: float
    metrics: dict[str, CheckedMetric]
    reasons: tuple[Message, ...] = ()
    caveats: tuple[Message, ...] = ()
    model: str
    config: dict[str, Any]
    record: int | None = None
    record_time: str | None = None
    run: int | None = None
    measurement: Measurement

    @property
    def resolved(self) -> Resolved:
        return self.measurement.resolved

    @property
    def workload(self) -> Workload:
        return self.measurement.workload

    @property
    def flags(self) -> tuple[Message, ...]:
        return self.measurement.flags
