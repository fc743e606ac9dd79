"""The scan chart: prefill above, decode below; one line a configuration, the forecast's limit dashed."""

import math
from collections.abc import Sequence
from typing import Any

from workbench.charts.theme import Theme, layout, note
from workbench.metrics import METRICS
from workbench.results import Scan, ScanPoint
from workbench.words import text, translate
from workbench.words.format import escape, interval, measured, ratio, size

PANES = ("prefill_tps", "decode_tps")  # from top to bottom
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "triangle-down")
_GAP = 0.1  # of the height, between the panes


def scan(found: Scan | None, theme: Theme) -> dict[str, Any]:
    """A plotly figure as a dictionary: for each pane its lines in the scan's order, then the decode limit.

    Symbol and colour both tell the lines apart; bars are 95 % intervals; None: an empty chart that says so.
    """
    lines = found.lines if found else ()
    traces = [
        _line(found, place, metric, pane, theme)
        for pane, metric in enumerate(PANES)
        for place in range(len(lines))
        if found
    ]
    limit = _limit(found, theme)
    parameter = found.parameter if found else "prompt_tokens"
    spec = layout(theme, text("chart.scan.title", parameter=parameter), height=460)
    values = list(found.values) if found else []
    axis = {"type": "log", "tickvals": values, "ticktext": [str(value) for value in values], "fixedrange": True}
    middle = 0.5
    spec["xaxis"] = {**axis, "anchor": "y", "showticklabels": False, "matches": "x2"}
    spec["xaxis2"] = {**axis, "anchor": "y2", "title": {"text": parameter}}
    for name, metric, domain in (("yaxis", PANES[0], (middle + _GAP / 2, 1.0)), ("yaxis2", PANES[1], (0.0, middle))):
        spec[name] = {
            "title": {"text": f"{translate(METRICS[metric].label)}, {METRICS[metric].unit}"},
            "domain": list(domain),
            "rangemode": "tozero",
            "fixedrange": True,
        }
    spec["annotations"] = note(theme, "" if traces else text("chart.scan.empty"))
    spec["shapes"], marks = _ends(found, theme)
    spec["annotations"] += marks
    return {"data": [*traces, limit], "layout": spec}


def _line(found: Scan, place: int, metric: str, pane: int, theme: Theme) -> dict[str, Any]:
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
        "showlegend": pane == 0,
        "x": [point.value for point in points],
        "y": values,
        "xaxis": "x" if pane == 0 else "x2",
        "yaxis": "y" if pane == 0 else "y2",
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


def _limit(found: Scan | None, theme: Theme) -> dict[str, Any]:
    """Of the first line: what its weights and cache leave of the memory's bandwidth."""
    points = [point for point in found.of(0) if point.limit_tps is not None] if found else []
    return {
        "type": "scatter",
        "mode": "lines",
        "name": text("chart.scan.limit"),
        "x": [point.value for point in points],
        "y": [point.limit_tps for point in points],
        "xaxis": "x2",
        "yaxis": "y2",
        "line": {"dash": "dash", "width": 2, "color": theme.muted},
        "hoverinfo": "name+y",
        "showlegend": bool(points),
    }


def _ends(found: Scan | None, theme: Theme) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A dotted line through both panes where memory ended a line before the scan."""
    if found is None:
        return [], []
    shapes: list[dict[str, Any]] = []
    marks: list[dict[str, Any]] = []
    for value, names in _by_value(found):
        shapes.append(
            {
                "type": "line",
                "xref": "x2",
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
                "text": text("chart.scan.memory", line=escape(", ".join(names))),
                "showarrow": False,
                "xref": "x2",
                "yref": "paper",
                "x": math.log10(value),  # an annotation on a logarithmic axis stands at the logarithm
                "y": 1,
                "xanchor": "right",
                "yanchor": "top",
                "font": {"color": theme.muted, "size": 11},
            }
        )
    return shapes, marks


def _by_value(found: Scan) -> Sequence[tuple[int, list[str]]]:
    ends: dict[int, list[str]] = {}
    for end in found.ends:
        ends.setdefault(end.value, []).append(found.lines[end.line].label)
    return sorted(ends.items())
