"""The scan chart: prefill above, decode below; over the batch throughput above, latencies below.

One line a configuration, the first one's limit dashed, the knee and memory's end dotted.
"""

import math
from collections.abc import Sequence
from typing import Any

from workbench.charts.theme import Theme, layout, note
from workbench.metrics import METRICS
from workbench.results import Knee, Scan, ScanPoint
from workbench.words import text, translate
from workbench.words.format import escape, interval, measured, ratio, size

PANES = ("prefill_tps", "decode_tps")  # of an empty chart, from top to bottom
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "triangle-down")
_GAP = 0.1  # of the height, between the panes


def scan(found: Scan | None, theme: Theme) -> dict[str, Any]:
    """A plotly figure as a dictionary: for each pane its lines in the scan's order, then each pane's limit.

    Symbol and colour both tell the lines apart; bars are 95 % intervals; None: an empty chart that says so.
    """
    parameter, panes = (found.parameter, found.shown) if found else ("prompt_tokens", PANES)
    named = text(f"panel.scan_over.{parameter}")
    lines = found.lines if found else ()
    traces = [
        _line(found, place, metric, _axis(pane), theme)
        for pane, metric in enumerate(panes)
        for place in range(len(lines))
        if found
    ]
    limits = [_limit(found, pane, metric, theme) for pane, metric in enumerate(panes)]
    spec = layout(theme, text("chart.scan.title", parameter=named), height=100 + 180 * len(panes))
    values = list(found.values) if found else []
    ticks = {"type": "log", "tickvals": values, "ticktext": [str(value) for value in values], "fixedrange": True}
    lowest = len(panes) - 1
    height = (1 + _GAP) / len(panes) - _GAP
    for pane, metric in enumerate(panes):
        number = _axis(pane)
        below = (lowest - pane) * (height + _GAP)
        shown = {"title": {"text": named}} if pane == lowest else {"showticklabels": False}
        matched = {} if pane == lowest else {"matches": f"x{_axis(lowest)}"}
        spec[f"xaxis{number}"] = {**ticks, "anchor": f"y{number}", **shown, **matched}
        unit = METRICS[metric].unit
        spec[f"yaxis{number}"] = {
            "title": {"text": f"{translate(METRICS[metric].label)}, {unit}"},
            "domain": [below, below + height],
            "rangemode": "tozero",
            "fixedrange": True,
            **({"exponentformat": "none"} if unit == "s" else {}),
        }
    spec["annotations"] = note(theme, "" if traces else text("chart.scan.empty"))
    shapes, marks = _marks(found, _axis(lowest), theme)
    spec["shapes"] = shapes
    spec["annotations"] += marks
    return {"data": [*traces, *limits], "layout": spec}


def _axis(pane: int) -> str:
    """plotly's number of the axes of a pane: "", "2", "3"."""
    return str(pane + 1) if pane else ""


def _line(found: Scan, place: int, metric: str, axis: str, theme: Theme) -> dict[str, Any]:
    points = found.of(place)
    colour = theme.series[place % len(theme.series)]
    bounds = [point.ci95.get(metric) for point in points]
    values = [point.mean[metric] for point in points]
    name = escape(found.lines[place].label or text("chart.same"))
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "legendgroup": str(place),
        "showlegend": not axis,
        "x": [point.value for point in points],
        "y": values,
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
        "marker": {"symbol": SYMBOLS[place % len(SYMBOLS)], "size": 9, "color": colour},
        "line": {"color": colour, "width": 2},
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [high[1] - value if high else None for value, high in zip(values, bounds, strict=True)],
            "arrayminus": [value - low[0] if low else None for value, low in zip(values, bounds, strict=True)],
            "thickness": 1.5,
            "width": 5,
            "color": colour,
        },
        "hoverinfo": "text",
        "hovertext": [_hover(found, point, name, metric) for point in points],
    }


def _hover(found: Scan, point: ScanPoint, name: str, metric: str) -> str:
    said = text(
        "chart.scan.hover",
        line=name,
        parameter=found.parameter,
        value=point.value,
        measured=measured(point.mean[metric], point.ci95.get(metric), METRICS[metric].unit),
        peak=size(point.peak_bytes),
        rounds=point.rounds,
    )
    if metric not in point.ratio:
        return said
    against = text(
        "chart.scan.hover_ratio", ratio=ratio(point.ratio[metric]), interval=interval(point.ratio_ci95.get(metric))
    )
    return f"{said}<br>{against}"


def _limit(found: Scan | None, pane: int, metric: str, theme: Theme) -> dict[str, Any]:
    """Of the first line: what weights and cache leave of the memory's bandwidth, or FLOP of the rate of products."""
    points = [point for point in found.of(0) if point.limit(metric) is not None] if found else []
    axis = _axis(pane)
    return {
        "type": "scatter",
        "mode": "lines" if len(points) > 1 else "markers",  # a line through one place would not be seen
        "marker": {"symbol": "line-ew-open", "size": 30, "color": theme.muted, "line": {"width": 2}},
        "name": text(f"chart.scan.limit.{metric}"),
        "x": [point.value for point in points],
        "y": [point.limit(metric) for point in points],
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
        "line": {"dash": "dash", "width": 2, "color": theme.muted},
        "hoverinfo": "name+y",
        "showlegend": bool(points) and metric in PANES,  # those of latencies say the same
    }


def _marks(found: Scan | None, axis: str, theme: Theme) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Dotted lines through all panes where memory ended a line before the scan, and at the knees."""
    if found is None:
        return [], []
    shapes: list[dict[str, Any]] = []
    marks: list[dict[str, Any]] = []
    ends = [(value, text("chart.scan.memory", line=escape(", ".join(names)))) for value, names in _by_value(found)]
    knees = [(knee.value, _knee(found, knee)) for knee in found.knees if knee.value is not None]
    for place, (value, said) in enumerate([*ends, *knees]):
        shapes.append(
            {
                "type": "line",
                "xref": f"x{axis}",
                "yref": "paper",
                "x0": value,
                "x1": value,
                "y0": 0,
                "y1": 1,
                "line": {"dash": "dot", "width": 1.5, "color": theme.muted},
            }
        )
        marks.append(
            {
                "text": said,
                "showarrow": False,
                "xref": f"x{axis}",
                "yref": "paper",
                "x": math.log10(value),  # an annotation on a logarithmic axis stands at the logarithm
                "y": 1 - 0.05 * (place % 4),
                "xanchor": "right",
                "yanchor": "top",
                "font": {"color": theme.muted, "size": 11},
            }
        )
    return shapes, marks


def _knee(found: Scan, knee: Knee) -> str:
    between = text("chart.scan.between", low=knee.low, high="…" if knee.high is None else knee.high)
    label = escape(found.lines[knee.line].label)
    return " ".join(part for part in (text("chart.scan.knee", value=knee.value), between, label) if part)


def _by_value(found: Scan) -> Sequence[tuple[int, list[str]]]:
    ends: dict[int, list[str]] = {}
    for end in found.ends:
        ends.setdefault(end.value, []).append(found.lines[end.line].label)
    return sorted(ends.items())
