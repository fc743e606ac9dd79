"""Two configurations judged against each other: paired, interleaved, with a noise floor."""

from typing import Any

from workbench.results.base import Interval, Result
from workbench.results.resolved import Resolved
from workbench.results.workload import Workload
from workbench.words.message import Message


class NoiseFloor(Result):
    """What pairs of the same configuration differ by: the spread of their log-ratio, metric -> standard deviation.

    `key` names the machine, model, configuration and workload it was measured for.
    """

    spread: dict[str, float]
    pairs: int
    key: str = ""


class Comparison(Result):
    """b against a. Ratios are b ÷ a: geometric means over pairs of short runs that alternated (A B B A …).

    a, b             the configurations, as dicts of knobs
    ratio, ci95      metric -> ratio and its 95 % interval on the paired log-ratio
    mean_a, mean_b   metric -> mean over the pairs, in the metric's unit
    noise_floor      metric -> the ratio (≥ 1) that one configuration against itself could show by chance
    smallest_effect  metric -> the ratio above which a difference would have been seen (≥ 1)
    verdict          metric -> a sentence; `seen` holds the metrics with a difference
    samples          metric -> one (a, b) per pair, in order
    stopped_by       "precision" or "budget"
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
    floor: NoiseFloor
    loop: str = "transformers.generate"
    cpu_busy_elsewhere: float | None = None
    stopped_by: str
    seconds: float
    flags: tuple[Message, ...] = ()
