"""The chart of batching: requests/s of each way on the left, when the first tokens come on the right."""

from typing import Any

from workbench.charts.theme import Theme, layout, note
from workbench.results import Batching, BatchingWay
from workbench.served import SERVED, way_words
from workbench.words import text
from workbench.words.format import escape, measured, seconds, share

RATE = "requests_per_s"
FIRST = ("ttft_p50_s", "ttft_max_s")
_ROW = 44  # pixels


def batching(found: Batching | None, theme: Theme) -> dict[str, Any]:
    """A plotly figure as a dictionary: bars with 95 % intervals; median and last first token, told apart by symbol.

    Each bar names the share of the prompts' positions that is padding. None: an empty chart that says so.
    """
    ways = [way for way in found.ways if way.why_not is None] if found else []
    names = [escape(way_words(way.name)) for way in ways]
    spec = layout(theme, text("chart.batching.title"), height=max(300, 150 + _ROW * len(ways)))
    spec["margin"] |= {"l": 100}
    top = max((way.mean[RATE] for way in ways), default=1.0)
    rows = {"type": "category", "categoryarray": names, "autorange": "reversed", "fixedrange": True}
    spec["yaxis"] = {**rows, "showgrid": False}
    spec["yaxis2"] = {**rows, "anchor": "x2", "matches": "y", "showticklabels": False}
    spec["xaxis"] = {
        "title": {"text": text("batching.head.requests")},
        "domain": [0.0, 0.6],
        "range": [0, 1.45 * top],
        "fixedrange": True,
    }
    spec["xaxis2"] = {
        "title": {"text": text("chart.batching.first")},
        "domain": [0.66, 1.0],
        "anchor": "y2",
        "rangemode": "tozero",
        "fixedrange": True,
    }
    spec["annotations"] = note(theme, "" if ways else text("chart.batching.empty"))
    firsts = [_first(ways, names, metric, theme) for metric in FIRST]
    return {"data": [_bars(ways, names, theme), *firsts], "layout": spec}


def _bars(ways: list[BatchingWay], names: list[str], theme: Theme) -> dict[str, Any]:
    bounds = [way.ci95.get(RATE) for way in ways]
    values = [way.mean[RATE] for way in ways]
    return {
        "type": "bar",
        "orientation": "h",
        "showlegend": False,
        "y": names,
        "x": values,
        "text": [_padding(way) for way in ways],
        "textposition": "outside",
        "cliponaxis": False,
        "marker": {"color": theme.first},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [high[1] - value if high else None for value, high in zip(values, bounds, strict=True)],
            "arrayminus": [value - low[0] if low else None for value, low in zip(values, bounds, strict=True)],
            "color": theme.muted,
        },
        "hoverinfo": "text",
        "hovertext": [_hover(way) for way in ways],
    }


def _first(ways: list[BatchingWay], names: list[str], metric: str, theme: Theme) -> dict[str, Any]:
    median = metric == FIRST[0]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": text(f"chart.batching.{metric}"),
        "y": names,
        "x": [way.mean[metric] for way in ways],
        "xaxis": "x2",
        "yaxis": "y2",
        "showlegend": bool(ways),
        "marker": {
            "symbol": "circle" if median else "diamond",
            "size": 10,
            "color": theme.first if median else theme.second,
        },
        "hoverinfo": "text",
        "hovertext": [_hover(way) for way in ways],
    }


def _padding(way: BatchingWay) -> str:
    if way.shapes is None:
        return ""
    return text("chart.batching.padding", share=share(round(way.shapes.padding, 3)))


def _hover(way: BatchingWay) -> str:
    return text(
        "chart.batching.hover",
        way=escape(way_words(way.name)),
        measured=measured(way.mean[RATE], way.ci95.get(RATE), SERVED[RATE]),
        ttft=seconds(way.mean["ttft_p50_s"]),
        last=seconds(way.mean["ttft_max_s"]),
        padding=share(way.shapes.padding if way.shapes else None),
        rounds=way.rounds,
    )
