"""Two configurations along the prompt's length: who is ahead where, and where that changes."""

from typing import Any

from workbench.results.base import Interval, Result
from workbench.results.comparison import NoiseFloor, Way
from workbench.results.resolved import Resolved
from workbench.results.workload import Workload
from workbench.words.message import Message


class Crossing(Result):
    """Prompt tokens at which the ratio b ÷ a passes 1, with its interval (`workbench.crossing`).

    b_below  whether the ratio is below 1 before it; between: the lengths that were measured on both sides
    """

    at: float
    interval: Interval
    b_below: bool
    between: tuple[float, float]


class CrossoverPoint(Result):
    """One length, by pairs of short runs that alternate; fields as in Comparison."""

    prompt_tokens: int
    ratio: dict[str, float]
    ci95: dict[str, Interval]
    mean_a: dict[str, float]
    mean_b: dict[str, float]
    noise_floor: dict[str, float]
    seen: tuple[str, ...]
    floor: NoiseFloor
    pairs: int
    set_aside: int
    stopped_by: str


class Crossover(Result):
    """names: of a and b; crossing, sentence: by metric (ttft_s, decode_tps, e2e_s); None: no crossing was seen."""

    a: dict[str, Any]
    b: dict[str, Any]
    names: tuple[str, str]
    resolved_a: Resolved
    resolved_b: Resolved
    points: tuple[CrossoverPoint, ...]
    crossing: dict[str, Crossing | None]
    sentence: dict[str, Message]
    workload: Workload
    way: Way
    loads: int
    cpu_busy_elsewhere: float | None
    seconds: float
    flags: tuple[Message, ...] = ()

    @property
    def config(self) -> dict[str, Any]:
        return self.b

    @property
    def resolved(self) -> Resolved:
        return self.resolved_b
