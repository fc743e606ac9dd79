"""The prefix chart: cached ÷ cold TTFT by the prefix's length, beside what proportion to the tokens lets expect."""

from typing import Any

from workbench.charts.theme import Theme, layout, note
from workbench.results import PrefixReuse
from workbench.words import text
from workbench.words.format import interval, ratio, seconds


def prefix(found: PrefixReuse, theme: Theme) -> dict[str, Any]:
    """A plotly figure as a dictionary; bars are 95 % intervals."""
    points = sorted(found.points, key=lambda point: point.tokens)
    lengths = [point.tokens for point in points]
    spec = layout(theme, text("chart.prefix.title"))
    axis = {"type": "log", "tickvals": lengths, "ticktext": [str(length) for length in lengths], "fixedrange": True}
    spec["xaxis"] = {**axis, "title": {"text": text("chart.prefix.x")}}
    spec["yaxis"] = {"title": {"text": text("chart.prefix.y")}, "rangemode": "tozero", "fixedrange": True}
    spec["annotations"] = note(theme, "")
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": text("chart.prefix.measured"),
                "x": lengths,
                "y": [point.ratio for point in points],
                "marker": {"symbol": "circle", "size": 9, "color": theme.first},
                "line": {"color": theme.first, "width": 2},
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": [point.ci95[1] - point.ratio if point.ci95 else None for point in points],
                    "arrayminus": [point.ratio - point.ci95[0] if point.ci95 else None for point in points],
                    "color": theme.first,
                },
                "hoverinfo": "text",
                "hovertext": [
                    text(
                        "chart.prefix.hover",
                        tokens=point.tokens,
                        ratio=ratio(point.ratio),
                        interval=interval(point.ci95),
                        cold=seconds(point.cold_s),
                        cached=seconds(point.cached_s),
                        proportion=ratio(point.proportion),
                        pairs=point.pairs,
                    )
                    for point in points
                ],
            },
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": text("chart.prefix.proportion"),
                "x": lengths,
                "y": [point.proportion for point in points],
                "marker": {"symbol": "diamond", "size": 7, "color": theme.muted},
                "line": {"dash": "dash", "width": 2, "color": theme.muted},
                "hoverinfo": "name+y",
            },
        ],
        "layout": spec,
    }
