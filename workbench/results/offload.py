"""How decode slows with layers that wait outside the device."""

from typing import Any

from workbench.results.base import Interval, Result
from workbench.results.resolved import Resolved
from workbench.results.workload import Workload
from workbench.words.message import Message


class OffloadPoint(Result):
    """So many layers away. The sampling unit is the load: rounds go through all values forwards and backwards by turns.

    layers           read back from the model
    mean, ci95       metric -> over the loads, in the metric's unit
    ratio, ratio_ci95  metric -> ÷ the first value, paired by round
    device_bytes     of weights on the device; away_bytes: elsewhere
    layer_s          seconds a token more for each layer away, by TPOT against the first value; None: the first itself
    """

    layers: int
    rounds: int
    mean: dict[str, float]
    ci95: dict[str, Interval]
    ratio: dict[str, float]
    ratio_ci95: dict[str, Interval]
    device_bytes: int
    away_bytes: int
    layer_s: float | None
    verdict: Message | None
    resolved: Resolved


class Offload(Result):
    """The curve. `elsewhere`: cpu or disk; `layers`: of the model; `loads`: taken for it."""

    points: tuple[OffloadPoint, ...]
    device: str
    elsewhere: str
    layers: int
    workload: Workload
    config: dict[str, Any]
    loads: int
    cpu_busy_elsewhere: float | None
    seconds: float
    flags: tuple[Message, ...] = ()

    @property
    def resolved(self) -> Resolved:
        return self.points[-1].resolved
