"""The crossover chart: b ÷ a of TTFT and decode by prompt length, a band where they cross."""

from typing import Any

from workbench.charts.theme import Theme, layout, note
from workbench.metrics import METRICS
from workbench.results import Crossover
from workbench.words import text, translate
from workbench.words.format import escape, interval, ratio

_SHOWN = ("ttft_s", "decode_tps")
_DASHES = ("solid", "dash")


def crossover(found: Crossover, theme: Theme) -> dict[str, Any]:
    """A plotly figure as a dictionary; a dotted line marks equality."""
    a, b = (escape(name, 40) for name in found.names)
    lengths = [point.prompt_tokens for point in found.points]
    spec = layout(theme, text("chart.crossover.title", a=a, b=b))
    axis = {"type": "log", "tickvals": lengths, "ticktext": [str(length) for length in lengths], "fixedrange": True}
    spec["xaxis"] = {**axis, "title": {"text": text("chart.crossover.x")}}
    spec["yaxis"] = {"type": "log", "title": {"text": text("chart.crossover.y", a=a, b=b)}, "fixedrange": True}
    spec["annotations"] = note(theme, "")
    line = {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": 1, "y1": 1}
    spec["shapes"] = [{**line, "line": {"dash": "dot", "width": 1.5, "color": theme.muted}}]
    for metric, colour in zip(_SHOWN, (theme.first, theme.second), strict=True):
        crosses = found.crossing.get(metric)
        if crosses is not None:
            band = {"x0": crosses.interval[0], "x1": crosses.interval[1], "y0": 0, "y1": 1, "yref": "paper"}
            spec["shapes"].append(
                {"type": "rect", **band, "fillcolor": colour, "opacity": 0.15, "line": {"width": 0}, "layer": "below"}
            )
    traces = [
        _line(found, metric, colour, dash)
        for metric, colour, dash in zip(_SHOWN, (theme.first, theme.second), _DASHES, strict=True)
    ]
    return {"data": traces, "layout": spec}


def _line(found: Crossover, metric: str, colour: str, dash: str) -> dict[str, Any]:
    what = translate(METRICS[metric].label)
    values = [point.ratio[metric] for point in found.points]
    bounds = [point.ci95.get(metric) for point in found.points]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": what,
        "x": [point.prompt_tokens for point in found.points],
        "y": values,
        "marker": {"size": 9, "color": colour},
        "line": {"color": colour, "width": 2, "dash": dash},
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [high[1] - value if high else None for value, high in zip(values, bounds, strict=True)],
            "arrayminus": [value - low[0] if low else None for value, low in zip(values, bounds, strict=True)],
            "color": colour,
        },
        "hoverinfo": "text",
        "hovertext": [
            text(
                "chart.crossover.hover",
                tokens=point.prompt_tokens,
                what=what,
                ratio=ratio(point.ratio[metric]),
                interval=interval(point.ci95.get(metric)),
                pairs=point.pairs,
            )
            for point in found.points
        ],
    }
