"""The chart of a sweep: the objective over memory, quality by symbol, what lost greyed, and what nothing beats."""

from collections.abc import Sequence
from typing import Any

from workbench.charts.labels import Mark, Pane, labels
from workbench.charts.memory import scale_of
from workbench.charts.theme import Theme, layout, note, titled
from workbench.metrics import METRICS, Better
from workbench.results import Sweep, SweepPoint
from workbench.words import text, translate
from workbench.words.format import escape, interval, measured, number, ratio, size

# state -> symbol: told apart without colour; open where quality was not measured
SYMBOLS = {"best": "star", "front": "circle", "behind": "x-thin", "constraint": "triangle-down"}
_HEIGHT = 420
_WIDTH, _ALSO = 560, (340.0, 900.0)  # pixels of the pane, in which labels are kept apart
_NAMED = 8  # labels: the best ones; the hover names all


def sweep(found: Sweep | None, theme: Theme) -> dict[str, Any]:
    """A plotly figure as a dictionary: a trace for each state of SYMBOLS, then the line of what nothing beats.

    `customdata` is the place among the points. None: an empty chart that says so.
    """
    objective = found.objective if found else "decode_tps"
    points = [point for point in found.points if _drawn(point, objective)] if found else []
    scale, unit = scale_of([point.peak_bytes or 0 for point in points])
    traces = [_points(found, state, scale, theme) for state in SYMBOLS]
    traces.append(_front(found, scale, theme))
    title = titled(text("chart.sweep.title"), *([str(found.verdict)] if found else []))
    spec = layout(theme, title, _HEIGHT)
    spec["margin"] |= {"t": 96, "l": 72, "b": 56}
    metric = METRICS[objective]
    x_end = 1.25 * max((_value(point, objective) for point in points), default=1.0)
    top = 1.1 * max((_memory(point, scale) for point in points), default=1.0)
    words = f"{translate(metric.label)}, {metric.unit}" if metric.unit else translate(metric.label)
    spec["xaxis"] = {"title": {"text": words}, "range": [0, x_end], "fixedrange": True}
    spec["yaxis"] = {
        "title": {"text": text("chart.sweep.memory", unit=unit)},
        "rangemode": "tozero",
        "range": [0, top],
        "fixedrange": True,
    }
    spec["annotations"] = note(theme, "" if points else text("chart.sweep.empty"))
    spec["annotations"] += _named(points, objective, scale, (x_end, top), theme)
    return {"data": traces, "layout": spec}


def _drawn(point: SweepPoint, objective: str) -> bool:
    return (
        point.state in SYMBOLS and point.peak_bytes is not None and (objective in point.means or _is_memory(objective))
    )


def _is_memory(objective: str) -> bool:
    return objective == "peak_bytes"


def _value(point: SweepPoint, objective: str) -> float:
    return float(point.peak_bytes or 0) if _is_memory(objective) else point.means[objective]


def _memory(point: SweepPoint, scale: int) -> float:
    return (point.peak_bytes or 0) / scale


def _points(found: Sweep | None, state: str, scale: int, theme: Theme) -> dict[str, Any]:
    chosen = [
        (place, point)
        for place, point in enumerate(found.points if found else ())
        if point.state == state and _drawn(point, found.objective if found else "")
    ]
    objective = found.objective if found else "decode_tps"
    shown = [point for _, point in chosen]
    colour = {"best": theme.first, "front": theme.second}.get(state, theme.muted)
    bounds = [point.ci95.get(objective) for point in shown]
    values = [_value(point, objective) for point in shown]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": text(f"sweep.state.{state}"),
        "showlegend": bool(shown),
        "x": values,
        "y": [_memory(point, scale) for point in shown],
        "opacity": 1.0 if state in ("best", "front") else 0.6,
        "marker": {
            "symbol": [f"{SYMBOLS[state]}{'' if point.quality or state == 'behind' else '-open'}" for point in shown],
            "size": 14 if state == "best" else 10,
            "color": colour,
            "line": {"width": 2, "color": colour},
        },
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [ends[1] - value if ends else None for ends, value in zip(bounds, values, strict=True)],
            "arrayminus": [value - ends[0] if ends else None for ends, value in zip(bounds, values, strict=True)],
            "thickness": 1,
            "width": 4,
            "color": colour,
        },
        "hoverinfo": "text",
        "hovertext": [_hover(point, objective) for point in shown],
        "customdata": [place for place, _ in chosen],
    }


def _front(found: Sweep | None, scale: int, theme: Theme) -> dict[str, Any]:
    objective = found.objective if found else "decode_tps"
    members = [found.points[place] for place in found.pareto if _drawn(found.points[place], objective)] if found else []
    members.sort(key=lambda point: _value(point, objective))
    return {
        "type": "scatter",
        "mode": "lines",
        "name": text("chart.sweep.front"),
        "showlegend": len(members) > 1,
        "x": [_value(point, objective) for point in members],
        "y": [_memory(point, scale) for point in members],
        "line": {"dash": "dot", "width": 1, "color": theme.muted},
        "hoverinfo": "skip",
    }


def _named(
    points: Sequence[SweepPoint], objective: str, scale: int, ends: tuple[float, float], theme: Theme
) -> list[dict[str, Any]]:
    """Names of the best; `labels` thinks in logarithms, so that heights are handed to it as such."""
    sign = -1 if METRICS[objective].better is Better.HIGHER else 1
    best = sorted(points, key=lambda point: (point.state not in ("best", "front"), sign * _value(point, objective)))
    marks = [
        Mark(
            _value(point, objective),
            10 ** (_memory(point, scale) / ends[1]),
            escape(_label(point), 44),
            point.ci95.get(objective),
        )
        for point in best[:_NAMED]
    ]
    made = labels(marks, Pane(ends[0], 1.0, 10.0, _WIDTH, _HEIGHT - 152, "x", "y", _ALSO), theme)
    return [{**each, "y": each["y"] * ends[1]} for each in made]


def _label(point: SweepPoint) -> str:
    kld = f", KLD {number(point.quality.kld_mean)}" if point.quality else ""
    return f"{point.label or text('sweep.base')}{kld}"


def _hover(point: SweepPoint, objective: str) -> str:
    value = _value(point, objective)
    told = size(value) if _is_memory(objective) else measured(value, point.ci95.get(objective), METRICS[objective].unit)
    return text(
        "chart.sweep.hover",
        label=escape(point.label or text("sweep.base"), 120),
        measured=told,
        ratio=ratio(point.ratio),
        interval=interval(point.ratio_ci95) if point.ratio_ci95 else "",
        peak=size(point.peak_bytes),
        kld=number(point.quality.kld_mean) if point.quality else text("format.not_measured"),
        why=escape(str(point.why), 200),
    )
