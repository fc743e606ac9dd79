"""From the rounds of one rung to the points of a scan, and from a scan to the rows that people read. No torch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import fmean

from workbench.config import Config
from workbench.metrics import METRICS
from workbench.results import Phase, PhaseLimit, Rung, RungLine, Scan, ScanPoint, Workload
from workbench.stats import positive_mean_interval, ratio_interval
from workbench.words import text, translate
from workbench.words.format import interval, measured, quantity, ratio, size

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
    """One line at one value: what runs."""

    line: Line
    config: Config
    workload: Workload


def points_of(
    rung: Rung,
    steps: Sequence[Step],
    value: int,
    limits: Callable[[Step, RungLine], Mapping[Phase, PhaseLimit]],
) -> list[ScanPoint]:
    """One point for each line that ran. Ratios need the first line (place 0) in the same rung."""
    first = next((one.samples for step, one in zip(steps, rung.lines, strict=True) if step.line.place == 0), None)
    found = []
    for step, one in zip(steps, rung.lines, strict=True):
        if one.failed or one.resolved is None:
            continue
        intervals = {metric: positive_mean_interval(values) for metric, values in one.samples.items()}
        ratios = _ratios(first, one.samples) if first and step.line.place else {}
        bounds, drafts = limits(step, one), one.resolved.speculation != "off"  # drafts: tokens a step are not known
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
                limit_tps=None if drafts else bounds["decode"].tps("memory"),
                prefill_limit_tps=bounds["prefill"].tps("compute"),
                work={phase: bound.work for phase, bound in bounds.items()},
                workload=step.workload,
                resolved=one.resolved,
            )
        )
    return found


def _ratios(first: Samples, other: Samples) -> dict[str, tuple[float, tuple[float, float]]]:
    if not all(first.values()):
        return {}
    return {metric: ratio_interval(list(zip(first[metric], other[metric], strict=True))) for metric in other}


def rows_of(found: Scan) -> tuple[tuple[str, ...], list[tuple[str, ...]], list[str]]:
    """A scan as a table: the heading, a row for each point by value, and what is to be said under it."""
    head = ("value", "line", "ratio", "peak", "limit", "prefill_limit")
    value, line, against, peak, *limits = (text(f"scan.head.{name}") for name in head)
    heading = (value, line, *(translate(METRICS[name].label) for name in found.shown), against, peak, *limits)
    rows = [
        (
            str(point.value),
            found.lines[point.line].label or "-",
            *(measured(point.mean[name], point.ci95.get(name), METRICS[name].unit) for name in found.shown),
            f"{ratio(point.ratio['decode_tps'])} {interval(point.ratio_ci95.get('decode_tps'))}"
            if point.ratio
            else "-",
            size(point.peak_bytes),
            *(quantity(limit, METRICS["decode_tps"].unit) for limit in (point.limit_tps, point.prefill_limit_tps)),
        )
        for point in sorted(found.points, key=lambda point: (point.value, point.line))
    ]
    said = [
        text(
            "scan.line_ends",
            line=found.lines[end.line].label or text("scan.this_line"),
            value=end.value,
            reason=end.reason,
        )
        for end in found.ends
    ]
    for knee in found.knees:
        room = text("scan.largest", largest=f"{knee.largest:,}") if knee.largest is not None else ""
        said.append("; ".join(part for part in (found.lines[knee.line].label, str(knee.said), room) if part))
    return heading, rows, [*said, *(str(one.verdict) for one in found.agreement)]


def next_seconds(least_s: Sequence[float], values: Sequence[int], at: int) -> float:
    """What the fewest rounds at values[at] take, from those before: growing as they grew, at least with the value."""
    grown = values[at] / values[at - 1]
    if len(least_s) > 1 and least_s[-2] > 0:
        grown = max(grown, least_s[-1] / least_s[-2])
    return least_s[-1] * grown
