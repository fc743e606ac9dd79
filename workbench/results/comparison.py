"""Two configurations judged against each other: paired, interleaved, with a noise floor."""

from typing import Any

from workbench.results.base import Interval, Result, document
from workbench.results.resolved import Resolved
from workbench.results.workload import Workload
from workbench.words.message import Message


class NoiseFloor(Result):
    """What neighbouring runs of one configuration differ by: the spread of their log-ratio, a standard deviation.

    Runs alternate A B B A A B …, so that each pair's last run has a neighbour of its own configuration.
    """

    spread: dict[str, float]  # by metric
    pairs: int


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


def comparison_record(model: str, machine: Any, config: Any, comparison: Comparison) -> dict[str, Any]:
    """The comparison as it is stored, and as `--json` prints it; `config` is b."""
    return document(
        "comparison",
        model=model,
        machine=machine,
        config=config,
        resolved=comparison.resolved_b,
        workload=comparison.workload,
        result=comparison,
        flags=comparison.flags,
    )
