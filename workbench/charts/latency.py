"""The latency-over-time chart: TTFT above, TPOT below, their percentiles as lines, stutters where and when they were.

A stutter's symbol and colour both tell what fell into the same time; the same is said in words by `export.latency`.
"""

from typing import Any

from workbench.charts.theme import Theme, layout, note
from workbench.results import LatencyCause, LatencyPoint, LatencyRun, Percentiles, Stutter
from workbench.words import text
from workbench.words.format import interval, seconds

PANES = ("ttft", "tpot")  # from top to bottom
_PHASES = {"between": 0, "prefill": 0, "decode": 1}
_DASHES = {"p50": "solid", "p90": "dash", "p99": "dot"}
# cause -> symbol, place in the theme's palette; None: muted
SYMBOLS: dict[LatencyCause, tuple[str, int | None]] = {
    "gc": ("triangle-up", 1),
    "compile": ("star", 3),
    "page_in": ("triangle-down", 2),
    "allocator": ("square", 2),
    "quota": ("hourglass", 3),
    "others": ("diamond", 4),
    "throttle": ("hexagon", 1),
    "not_running": ("cross", 5),
    "unseen": ("x-thin-open", None),
}
_GAP = 0.1  # of the height, between the panes
_APART = 8.0  # a pane whose highest value is so many times its median is drawn by the logarithm
_MS = 1e3
_FEW = 100  # points, which may be larger


def latency(found: LatencyRun | None, theme: Theme) -> dict[str, Any]:
    """A plotly figure as a dictionary, two panes over the seconds of the run. None: an empty chart that says so."""
    spec = layout(theme, text("chart.latency.title"), height=520)
    spec["legend"] |= {"y": -0.14, "yanchor": "top"}  # causes may take lines, which would cover the title
    spec["margin"] |= {"t": 40}
    height = (1 - _GAP) / 2
    for pane, metric in enumerate(PANES):
        last = pane == len(PANES) - 1
        top = 1 - pane * (height + _GAP)
        spec[_axis("xaxis", pane)] = {
            "anchor": _axis("y", pane),
            "fixedrange": True,
            "showticklabels": last,
            **({"title": {"text": text("chart.latency.x")}} if last else {"matches": "x2"}),
        }
        spec[_axis("yaxis", pane)] = {
            "title": {"text": text(f"chart.latency.{metric}")},
            "domain": [max(top - height, 0.0), top],
            "fixedrange": True,
            **(_scale(found, pane) if found else {}),
        }
    spec["annotations"] = note(theme, "" if found else text("chart.latency.empty"))
    if found is None:
        return {"data": [], "layout": spec}
    traces = [
        trace for pane in range(len(PANES)) for trace in (_points(found, pane, theme), *_lines(found, pane, theme))
    ]
    return {"data": [*traces, *_stutters(found, theme)], "layout": spec}


def _axis(name: str, pane: int) -> str:
    return name + (str(pane + 1) if pane else "")


def _value(point: LatencyPoint, pane: int) -> float:
    return (point.ttft_s, point.tpot_s)[pane]


def _percentiles(found: LatencyRun, pane: int) -> Percentiles:
    return (found.ttft, found.tpot)[pane]


def _scale(found: LatencyRun, pane: int) -> dict[str, Any]:
    """From 0, unless a stutter would press all else flat."""
    values = [_value(point, pane) for point in found.series]
    highest = max([*values, *(each.seconds for each in found.stutters if _PHASES[each.phase] == pane)])
    middle = sorted(values)[len(values) // 2]
    if highest <= _APART * middle:
        return {"rangemode": "tozero"}
    ticks = [factor * 10.0**power for power in range(-4, 7) for factor in (1, 2, 5)]
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}


def _points(found: LatencyRun, pane: int, theme: Theme) -> dict[str, Any]:
    metric = PANES[pane]
    colour = (theme.first, theme.second)[pane]
    size = 7 if len(found.series) <= _FEW else 4
    return {
        "type": "scatter",
        "mode": "markers",
        "name": text(f"chart.latency.{metric}_name"),
        "x": [point.at_s for point in found.series],
        "y": [_MS * _value(point, pane) for point in found.series],
        "xaxis": _axis("x", pane),
        "yaxis": _axis("y", pane),
        "marker": {"symbol": ("circle", "square")[pane], "size": size, "color": colour, "opacity": 0.9},
        "hoverinfo": "text",
        "hovertext": [_hover(point, pane) for point in found.series],
    }


def _hover(point: LatencyPoint, pane: int) -> str:
    said = {"metric": PANES[pane].upper(), "value": seconds(_value(point, pane)), "at": seconds(point.at_s)}
    if point.requests == 1:
        return text("chart.latency.hover_request", **said)
    return text("chart.latency.hover_requests", **said, requests=point.requests)


def _lines(found: LatencyRun, pane: int, theme: Theme) -> list[dict[str, Any]]:
    """A line for each percentile that there are samples for."""
    over = _percentiles(found, pane)
    traces = []
    for name, dash in _DASHES.items():
        value = getattr(over, name)
        if value is None:
            continue
        hover = text(
            "chart.latency.hover_line",
            metric=PANES[pane].upper(),
            name=name,
            value=seconds(value),
            interval=interval(_in_ms(over, name)),
            n=over.n,
        )
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": text(f"latency.{name}"),
                "legendgroup": name,
                "showlegend": pane == 0 or getattr(_percentiles(found, 0), name) is None,
                "x": [0.0, found.seconds],
                "y": [_MS * value] * 2,
                "xaxis": _axis("x", pane),
                "yaxis": _axis("y", pane),
                "line": {"color": theme.text, "width": 1.5, "dash": dash},
                "hoverinfo": "text",
                "hovertext": [hover] * 2,
            }
        )
    return traces


def _in_ms(over: Percentiles, name: str) -> tuple[float, float] | None:
    bounds = over.ci95.get(name)
    return None if bounds is None else (_MS * bounds[0], _MS * bounds[1])


def _stutters(found: LatencyRun, theme: Theme) -> list[dict[str, Any]]:
    """For each cause and pane those that have it first beside them."""
    traces, named = [], set()
    for cause, (symbol, place) in SYMBOLS.items():
        for pane in range(len(PANES)):
            shown = [each for each in found.stutters if each.causes[0].cause == cause and _PHASES[each.phase] == pane]
            if not shown:
                continue
            colour = theme.muted if place is None else theme.series[place]
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": text("chart.latency.stutter", cause=text(f"latency.cause.{cause}")),
                    "legendgroup": cause,
                    "showlegend": cause not in named,
                    "x": [each.at_s for each in shown],
                    "y": [_MS * each.seconds for each in shown],
                    "xaxis": _axis("x", pane),
                    "yaxis": _axis("y", pane),
                    "marker": {"symbol": symbol, "size": 11, "color": colour, "line": {"width": 2, "color": colour}},
                    "hoverinfo": "text",
                    "hovertext": [_told(each) for each in shown],
                }
            )
            named.add(cause)
    return traces


def _told(stutter: Stutter) -> str:
    causes = []
    for each in stutter.causes:
        cause = text(f"latency.cause.{each.cause}")
        known = each.seconds is not None
        causes.append(text("chart.latency.cause_part", cause=cause, seconds=seconds(each.seconds)) if known else cause)
    return text(
        "chart.latency.hover_stutter",
        seconds=seconds(stutter.seconds),
        phase=text(f"latency.phase.{stutter.phase}"),
        at=seconds(stutter.at_s),
        excess=seconds(stutter.excess_s),
        causes="<br>".join(causes),
    )
