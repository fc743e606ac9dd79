"""A sweep as the table that people read: best first, each with why it is where it is."""

from workbench.constraints import shown
from workbench.metrics import METRICS
from workbench.results import Sweep, SweepPoint
from workbench.sweep.nodes import row
from workbench.words import text, translate
from workbench.words.format import interval, number, quantity, ratio, size

_ORDER = ("best", "front", "behind", "constraint", "failed", "unmeasured")


def rows_of(found: Sweep) -> tuple[tuple[str, ...], list[tuple[str, ...]], list[str]]:
    """Header, rows, and sentences for below."""
    objective = translate(METRICS[found.objective].label)
    header = (
        text("sweep.head.point"),
        text("sweep.head.state"),
        objective,
        text("sweep.head.ratio"),
        text("sweep.head.peak"),
        text("sweep.head.quality"),
        text("sweep.head.why"),
    )
    return header, [_row(found, point) for point in standing(found)], remarks_of(found)


def standing(found: Sweep) -> list[SweepPoint]:
    """Best first, what lost after what did not."""
    return sorted(found.points, key=lambda point: (_ORDER.index(point.state), -_gain(found, point)))


def _gain(found: Sweep, point: SweepPoint) -> float:
    return (point.ratio or 0.0) * (1 if found.better == "higher" else -1)


def _row(found: Sweep, point: SweepPoint) -> tuple[str, ...]:
    value = point.peak_bytes if found.objective == "peak_bytes" else point.means.get(found.objective)
    label = point.label or "–"
    return (
        f"{label} ({text('sweep.base')})" if point.reference else label,
        text(f"sweep.state.{point.state}"),
        shown(found.objective, value) if value is not None else text("format.not_measured"),
        f"{ratio(point.ratio)} {interval(point.ratio_ci95)}" if point.ratio_ci95 else ratio(point.ratio),
        size(point.peak_bytes),
        number(point.quality.kld_mean) if point.quality else "",
        str(point.why),
    )


def remarks_of(found: Sweep, *, pareto: bool = True) -> list[str]:
    """How it ended, what nothing beats (where asked), what could not be, and what weakens it."""
    labels = "; ".join(found.points[place].label or "–" for place in found.pareto)
    remarks = [
        text(
            "sweep.ended",
            points=len(found.points),
            groups=found.groups,
            runs=found.runs,
            reused=found.reused,
            loads=found.loads,
            seconds=round(found.seconds),
            ended=found.stopped_by,
        )
    ]
    if found.search:
        tried = found.search
        why = text(f"sweep.search.{tried.ended_by or 'cut'}")
        remarks.append(text("sweep.searched", tried=tried.tried, of=tried.of, loads=tried.loads, why=why))
    if found.energy and found.best:
        source = text(f"energy.source.{found.energy.source}", covers=found.energy.covers)
        net, idle = found.best.means.get("net_joules_per_token"), found.energy.idle_w
        remarks.append(text("sweep.energy", source=source, idle=quantity(idle, "W"), net=quantity(net, "J")))
    if found.pareto and pareto:
        remarks.append(text("sweep.pareto", objective=found.objective, labels=labels))
    if found.merged:
        remarks.append(text("sweep.merged", merged=found.merged))
    for each in found.removed:
        values = ", ".join(f"{name}={value}" for name, value in each.values.items()) or text("sweep.base")
        code = "sweep.not_here" if each.combinations == 1 else "sweep.none_here"
        remarks.append(text(code, values=values, why=each.why, combinations=each.combinations))
    remarks += [row(node) for node in found.nodes if node.state != "left_out"]
    return [*remarks, *(text("cli.note", note=flag) for flag in found.flags)]
