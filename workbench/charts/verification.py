"""The chart of a verification: the exported code's decode speed as a share of the session's, pair by pair."""

from math import isfinite
from typing import Any

from workbench.charts.theme import Theme, layout, note, titled
from workbench.results import Verification
from workbench.words import text
from workbench.words.format import interval, number, ratio

METRIC = "decode_tps"
HEIGHT = 320


def verification(found: Verification, theme: Theme) -> dict[str, Any]:
    """A plotly figure as a dictionary: traces "tolerance", "equal", "pairs", "mean"."""
    pairs = [there / here for here, there in found.samples.get(METRIC, ())]
    spec = layout(theme, titled(text("chart.verify.title"), str(found.verdict)), HEIGHT)
    spec["margin"] |= {"t": 100}
    places = list(range(1, len(pairs) + 1))
    ends = [0.4, len(pairs) + 1.6]
    spec["xaxis"] = {
        "title": {"text": text("chart.verify.x")},
        "tickvals": [*places[:: max(1, len(places) // 10)], len(pairs) + 1] if pairs else [],
        "ticktext": [*map(str, places[:: max(1, len(places) // 10)]), text("chart.verify.mean")],
        "range": ends,
        "showgrid": False,
        "fixedrange": True,
    }
    spec["yaxis"] = {"title": {"text": text("chart.verify.y")}, "range": _range(found, pairs), "fixedrange": True}
    spec["annotations"] = note(theme, "" if pairs else text("chart.verify.empty"))
    traces = [_band(found, ends, theme), _line(ends, theme), _pairs(pairs, theme), _mean(found, len(pairs) + 1, theme)]
    return {"data": traces, "layout": spec}


def _range(found: Verification, pairs: list[float]) -> list[float]:
    """Every pair, the interval and the tolerance are within; never less than ±10 %."""
    bounds = [end for end in found.ci95.get(METRIC, ()) if isfinite(end)]
    reach = max(0.1, 1.5 * found.tolerance, *(1.1 * abs(each - 1) for each in (*pairs, *bounds)), 0.0)
    return [max(1 - reach, 0.0), 1 + reach]


def _band(found: Verification, ends: list[float], theme: Theme) -> dict[str, Any]:
    low, high = 1 - found.tolerance, 1 + found.tolerance
    return {
        "type": "scatter",
        "mode": "lines",
        "name": text("chart.verify.tolerance", percent=number(100 * found.tolerance)),
        "x": [ends[0], ends[1], ends[1], ends[0]],
        "y": [low, low, high, high],
        "fill": "toself",
        "fillcolor": theme.grid,
        "line": {"width": 0, "color": theme.grid},
        "hoverinfo": "skip",
    }


def _line(ends: list[float], theme: Theme) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": text("chart.verify.equal"),
        "x": ends,
        "y": [1.0, 1.0],
        "line": {"dash": "dash", "width": 2, "color": theme.muted},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _pairs(pairs: list[float], theme: Theme) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": text("chart.verify.pairs"),
        "x": list(range(1, len(pairs) + 1)),
        "y": pairs,
        "marker": {"symbol": "circle-open", "size": 8, "color": theme.second, "line": {"width": 2}},
        "hoverinfo": "text",
        "hovertext": [ratio(each) for each in pairs],
        "showlegend": bool(pairs),
    }


def _mean(found: Verification, place: int, theme: Theme) -> dict[str, Any]:
    value, bounds = found.speed_ratio, found.ci95.get(METRIC)
    reach = (value - bounds[0], bounds[1] - value) if value is not None and bounds is not None else None
    return {
        "type": "scatter",
        "mode": "markers",
        "name": text("chart.verify.mean_interval"),
        "x": [place] if value is not None else [],
        "y": [value] if value is not None else [],
        "marker": {"symbol": "diamond", "size": 12, "color": theme.first},
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [reach[1]] if reach else [],
            "arrayminus": [reach[0]] if reach else [],
            "thickness": 2,
            "width": 7,
            "color": theme.first,
        },
        "hoverinfo": "text",
        "hovertext": [f"{ratio(value)} {interval(bounds, 4)}" if bounds else ratio(value)],
        "showlegend": value is not None,
    }
