"""From the rounds of one rung to the points of a scan: means, intervals, ratios against the first line. No torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import fmean

from workbench.config import Config
from workbench.results import Rung, ScanPoint, Workload
from workbench.stats import positive_mean_interval, ratio_interval

Samples = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Line:
    """One line of a scan: `place` among them, its configuration and the share of its prompts that is padding."""

    place: int
    label: str
    config: Config
    padded: float = 0.0


@dataclass(frozen=True)
class Step:
    """One line at one value: what runs, and the decode limit that the forecast gives it."""

    line: Line
    config: Config
    workload: Workload
    limit_tps: float | None


def points_of(rung: Rung, steps: Sequence[Step], value: int) -> list[ScanPoint]:
    """One point for each line that ran. Ratios need the first line (place 0) in the same rung."""
    first = next((one.samples for step, one in zip(steps, rung.lines, strict=True) if step.line.place == 0), None)
    found = []
    for step, one in zip(steps, rung.lines, strict=True):
        if one.failed or one.resolved is None:
            continue
        intervals = {metric: positive_mean_interval(values) for metric, values in one.samples.items()}
        ratios = _ratios(first, one.samples) if first and step.line.place else {}
        found.append(
            ScanPoint(
                line=step.line.place,
                value=value,
                rounds=min(map(len, one.samples.values())),
                mean={metric: fmean(values) for metric, values in one.samples.items()},
                ci95={metric: bounds for metric, bounds in intervals.items() if isfinite(bounds[1])},
                ratio={metric: ratio for metric, (ratio, _) in ratios.items()},
                ratio_ci95={metric: bounds for metric, (_, bounds) in ratios.items() if isfinite(bounds[1])},
                peak_bytes=one.peak_bytes,
                limit_tps=step.limit_tps,
                resolved=one.resolved,
            )
        )
    return found


def _ratios(first: Samples, other: Samples) -> dict[str, tuple[float, tuple[float, float]]]:
    if not all(first.values()):
        return {}
    return {metric: ratio_interval(list(zip(first[metric], other[metric], strict=True))) for metric in other}


def next_seconds(least_s: Sequence[float], values: Sequence[int], at: int) -> float:
    """What the fewest rounds at values[at] take, from those before: growing as they grew, at least with the value."""
    grown = values[at] / values[at - 1]
    if len(least_s) > 1 and least_s[-2] > 0:
        grown = max(grown, least_s[-1] / least_s[-2])
    return least_s[-1] * grown
