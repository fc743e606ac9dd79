"""The offloading chart: decode rate by layers kept away, with 95 % intervals over loads."""

from typing import Any

from workbench.charts.theme import Theme, layout, note
from workbench.metrics import METRICS
from workbench.results import Offload, OffloadPoint
from workbench.words import text, translate
from workbench.words.format import interval, measured, ratio, size


def offload(found: Offload, theme: Theme) -> dict[str, Any]:
    """A plotly figure as a dictionary."""
    spec = layout(theme, text("chart.offload.title"))
    spec["xaxis"] = {"title": {"text": text("chart.offload.x")}, "rangemode": "tozero", "fixedrange": True}
    metric = METRICS["decode_tps"]
    spec["yaxis"] = {
        "title": {"text": f"{translate(metric.label)}, {metric.unit}"},
        "rangemode": "tozero",
        "fixedrange": True,
    }
    spec["annotations"] = note(theme, "")
    values = [point.mean["decode_tps"] for point in found.points]
    bounds = [point.ci95["decode_tps"] for point in found.points]
    line = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [point.layers for point in found.points],
        "y": values,
        "marker": {"size": 9, "color": theme.first},
        "line": {"color": theme.first, "width": 2},
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [high - value for value, (_, high) in zip(values, bounds, strict=True)],
            "arrayminus": [value - low for value, (low, _) in zip(values, bounds, strict=True)],
            "color": theme.first,
        },
        "hoverinfo": "text",
        "hovertext": [_hover(point) for point in found.points],
        "showlegend": False,
    }
    return {"data": [line], "layout": spec}


def _hover(point: OffloadPoint) -> str:
    return text(
        "chart.offload.hover",
        layers=point.layers,
        decode=measured(point.mean["decode_tps"], point.ci95["decode_tps"], "tok/s"),
        ratio=ratio(point.ratio.get("decode_tps")),
        interval=interval(point.ratio_ci95.get("decode_tps")),
        held=size(point.device_bytes),
        rounds=point.rounds,
    )
