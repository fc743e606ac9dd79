"""The server's chart: TTFT, TPOT and requests a second over the load; what met the target filled."""

from typing import Any

from workbench.charts.theme import Theme, layout, note
from workbench.results import Endpoint, EndpointLatency, EndpointLevel
from workbench.words import text
from workbench.words.format import escape, interval, number, quantity, seconds

LATENCIES = ("ttft", "tpot")
PERCENTILES = (("p50", "circle"), ("p95", "square"), ("p99", "diamond"))
_GAP = 0.09  # of the height, between the panes


def endpoint(found: Endpoint | None, theme: Theme) -> dict[str, Any]:
    """A plotly figure as a dictionary, three panes over one axis; bars are 95 % intervals. None: an empty chart."""
    levels = found.levels if found else ()
    traces = [
        _line(levels, metric, place, rank, pane, theme)
        for pane, metric in enumerate(LATENCIES)
        for rank, place in enumerate(PERCENTILES)
        if any(_value(level, metric, place[0]) is not None for level in levels)
    ]
    traces += [*_bench(found, theme), *_rates(found, theme)] if found and levels else []
    spec = layout(theme, text("chart.endpoint.title"), height=520)
    height = (1 - 2 * _GAP) / 3
    labels = [_label(level) for level in levels]
    titles = (text("chart.endpoint.ttft"), text("chart.endpoint.tpot"), text("chart.endpoint.rps"))
    for pane, title in enumerate(titles):
        top = 1 - pane * (height + _GAP)
        last = pane == len(titles) - 1
        spec[_axis("xaxis", pane)] = {
            "type": "category",
            "categoryarray": labels,
            "anchor": _axis("y", pane),
            "showticklabels": last,
            "fixedrange": True,
            **({"title": {"text": _load(levels)}} if last else {"matches": "x3"}),
        }
        spec[_axis("yaxis", pane)] = {
            "title": {"text": title},
            "domain": [max(top - height, 0.0), min(top, 1.0)],
            "rangemode": "tozero",
            "fixedrange": True,
        }
    spec["barmode"] = "overlay"
    spec["annotations"] = note(theme, "" if traces else text("chart.endpoint.empty"))
    return {"data": traces, "layout": spec}


def _line(
    levels: tuple[EndpointLevel, ...], metric: str, place: tuple[str, str], rank: int, pane: int, theme: Theme
) -> dict[str, Any]:
    name, symbol = place
    shown = [level for level in levels if _value(level, metric, name) is not None]
    bounds = [getattr(_latency(level, metric), f"{name}_ci95", None) for level in shown]
    values = [_value(level, metric, name) or 0.0 for level in shown]
    colour = theme.series[rank]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "legendgroup": name,
        "showlegend": pane == 0,
        "x": [_label(level) for level in shown],
        "y": values,
        "xaxis": _axis("x", pane),
        "yaxis": _axis("y", pane),
        "marker": {"symbol": symbol, "size": 9, "color": colour},
        "line": {"color": colour, "width": 2},
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [pair[1] - value if pair else None for value, pair in zip(values, bounds, strict=True)],
            "arrayminus": [value - pair[0] if pair else None for value, pair in zip(values, bounds, strict=True)],
            "thickness": 1.5,
            "width": 5,
            "color": colour,
        },
        "hoverinfo": "text",
        "hovertext": [
            text(
                "chart.endpoint.hover",
                name=f"{metric.upper()} {name}",
                value=seconds(value),
                interval=interval(pair),
                count=getattr(_latency(level, metric), "n", 0),
            )
            for level, value, pair in zip(shown, values, bounds, strict=True)
        ],
    }


def _bench(found: Endpoint, theme: Theme) -> list[dict[str, Any]]:
    """The bench's own numbers, one request alone, dotted: to be looked at, not to be expected of a server."""
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "name": text("chart.endpoint.bench"),
            "legendgroup": "bench",
            "showlegend": pane == 0,
            "x": [_label(level) for level in found.levels],
            "y": [found.bench[f"{metric}_s"]] * len(found.levels),
            "xaxis": _axis("x", pane),
            "yaxis": _axis("y", pane),
            "line": {"dash": "dot", "width": 2, "color": theme.muted},
            "hoverinfo": "name+y",
        }
        for pane, metric in enumerate(LATENCIES)
        if f"{metric}_s" in found.bench
    ]


def _rates(found: Endpoint, theme: Theme) -> list[dict[str, Any]]:
    """All answers as an outline, those that met the target filled."""
    pane = len(LATENCIES)
    places = {"xaxis": _axis("x", pane), "yaxis": _axis("y", pane), "width": 0.4, "hoverinfo": "text"}
    labels = [_label(level) for level in found.levels]
    every = {
        "type": "bar",
        "name": text("chart.endpoint.answers"),
        "x": labels,
        "y": [level.rps for level in found.levels],
        "marker": {"color": "rgba(0, 0, 0, 0)", "line": {"color": theme.muted, "width": 2}},
        "hovertext": [_rate_hover("chart.endpoint.answers", level.rps) for level in found.levels],
        **places,
    }
    if all(level.goodput_rps is None for level in found.levels):
        return [every]
    good = {
        "type": "bar",
        "name": text("chart.endpoint.good"),
        "x": labels,
        "y": [level.goodput_rps for level in found.levels],
        "marker": {"color": theme.first},
        "hovertext": [_rate_hover("chart.endpoint.good", level.goodput_rps) for level in found.levels],
        **places,
    }
    return [every, good]


def _rate_hover(name: str, value: float | None) -> str:
    return escape(f"{text(name)}: {quantity(value, '/s')}")


def _latency(level: EndpointLevel, metric: str) -> EndpointLatency | None:
    return level.ttft if metric == "ttft" else level.tpot


def _value(level: EndpointLevel, metric: str, name: str) -> float | None:
    found = _latency(level, metric)
    return None if found is None else {"p50": found.p50, "p95": found.p95, "p99": found.p99}[name]


def _label(level: EndpointLevel) -> str:
    return str(level.concurrency) if level.rate is None else number(level.rate)


def _load(levels: tuple[EndpointLevel, ...]) -> str:
    return text("chart.endpoint.rate" if any(level.rate for level in levels) else "chart.endpoint.concurrency")


def _axis(name: str, pane: int) -> str:
    return name if pane == 0 else f"{name}{pane + 1}"
