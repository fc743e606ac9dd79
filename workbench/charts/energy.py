"""The energy–speed chart: joules per new token against new tokens per second, one point a configuration."""

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

from workbench.charts.theme import Theme, layout, note
from workbench.results import Energy
from workbench.words import text
from workbench.words.format import escape, measured, quantity

_SYMBOLS = {"joules_per_token": "circle", "net_joules_per_token": "circle-open"}


def energy(found: Energy | Sequence[Energy], theme: Theme) -> dict[str, Any]:
    """A plotly figure as a dictionary, of one result or several: below and to the right is better.

    A filled point counts all energy, an open one leaves the idle power out.
    """
    results = [found] if isinstance(found, Energy) else list(found)
    shown = [result for result in results if result.joules_per_token is not None]
    spec = layout(theme, text("chart.energy.title"))
    spec["xaxis"] = {"title": {"text": text("chart.energy.x")}, "rangemode": "tozero", "fixedrange": True}
    spec["yaxis"] = {"title": {"text": text("chart.energy.y")}, "rangemode": "tozero", "fixedrange": True}
    missing = next((str(result.missing) for result in results if result.missing), None)
    empty = text("chart.energy.empty", why=missing) if missing else text("chart.energy.none")
    spec["annotations"] = note(theme, "" if shown else _wrapped(empty))
    traces = [
        _points(shown, metric, text(f"chart.energy.{name}"), colour, theme)
        for metric, name, colour in (
            ("joules_per_token", "gross", theme.first),
            ("net_joules_per_token", "net", theme.second),
        )
    ]
    return {"data": traces if shown else [], "layout": spec}


def _points(shown: Sequence[Energy], metric: str, name: str, colour: str, theme: Theme) -> dict[str, Any]:
    known = [result for result in shown if getattr(result, metric) is not None]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [result.tokens_per_s for result in known],
        "y": [getattr(result, metric) for result in known],
        "error_x": _bars(known, "tokens_per_s", colour),
        "error_y": _bars(known, metric, colour),
        "marker": {"size": 10, "symbol": _SYMBOLS[metric], "color": colour, "line": {"width": 2, "color": colour}},
        "hoverinfo": "text",
        "hovertext": [_hover(result, metric) for result in known],
    }


def _bars(known: Sequence[Energy], metric: str, colour: str) -> dict[str, Any]:
    values = [getattr(result, metric) for result in known]
    bounds = [result.ci95.get(metric, (value, value)) for result, value in zip(known, values, strict=True)]
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - value for value, (_, high) in zip(values, bounds, strict=True)],
        "arrayminus": [value - low for value, (low, _) in zip(values, bounds, strict=True)],
        "color": colour,
    }


def _hover(result: Energy, metric: str) -> str:
    return text(
        "chart.energy.hover",
        config=escape(_name(result), 80),
        speed=measured(result.tokens_per_s, result.ci95.get("tokens_per_s"), "tok/s"),
        joules=measured(getattr(result, metric), result.ci95.get(metric), "J"),
        power=quantity(result.power_w, "W"),
        idle=quantity(result.idle_w, "W"),
        windows=len(result.windows),
    )


def _name(result: Energy) -> str:
    resolved = result.resolved
    parts = [resolved.attention, resolved.dtype, *([] if resolved.quantization == "none" else [resolved.quantization])]
    return ", ".join(parts)


def _wrapped(sentence: str) -> str:
    return "<br>".join(escape(line, 80) for line in wrap(sentence, 70))
