"""The roofline: FLOP/s over FLOP per byte, both logarithmic; what memory and products allow, and what was measured.

Williams, Waterman, Patterson 2009, Roofline: An Insightful Visual Performance Model, doi 10.1145/1498765.1498785.
"""

from collections.abc import Sequence
from math import log10
from typing import Any

from workbench.charts.theme import Theme, layout, note, titled
from workbench.results import LimitPoint, Limits
from workbench.words import text
from workbench.words.format import escape, measured, number, quantity, share

HEIGHT = 420
SYMBOLS = {("prefill", "run"): "square", ("decode", "run"): "circle", ("prefill", "scan"): "square-open"} | {
    ("decode", "scan"): "circle-open"
}
_DASHES = ("dash", "dot", "dashdot", "longdash", "longdashdot", "solid")
_LEAST = (0.1, 1000.0)  # FLOP per byte that the axis always spans
_GIGA = 1e9


def roofline(found: Limits | None, theme: Theme) -> dict[str, Any]:
    """A plotly figure as a dictionary: traces "memory", one roof for each number format, then the measured points.

    Points: prefill and decode of runs, then of the scan, whatever there is; bars are 95 % intervals.
    """
    points = found.points if found else ()
    x = _x_range(found)
    spec = layout(theme, _title(found), HEIGHT)
    spec["margin"] |= {"t": 84, "b": 120, "l": 72}
    spec["legend"] |= {"y": -0.24, "yanchor": "top"}  # below the axis: the roofs' names wrap on a narrow page
    axis = {"type": "log", "fixedrange": True, "exponentformat": "power", "dtick": 1}
    spec["xaxis"] = {**axis, "title": {"text": text("chart.roofline.x")}, "range": [log10(each) for each in x]}
    spec["yaxis"] = {**axis, "title": {"text": text("chart.roofline.y")}}
    spec["annotations"] = note(theme, "" if found else text("chart.roofline.empty"))
    if found and not points:
        spec["annotations"] = [{**note(theme, text("chart.roofline.no_run"))[0], "y": 0.04, "yanchor": "bottom"}]
    roofs = [] if found is None else _roofs(found, x, theme)
    return {"data": [*roofs, *(_points(points, kind, theme) for kind in SYMBOLS)], "layout": spec}


def _title(found: Limits | None) -> str:
    if found is None:
        return text("chart.roofline.title")
    threads = "" if found.threads is None else text("chart.roofline.threads", threads=found.threads)
    where = text("chart.roofline.where", device=found.device, threads=threads, format=found.format)
    return titled(text("chart.roofline.title"), where)


def _x_range(found: Limits | None) -> tuple[float, float]:
    """FLOP per byte that hold every point, every ridge, and the floors of this workload."""
    low, high = _LEAST
    if found is None:
        return low, high
    places = [point.intensity for point in found.points]
    places += [each for each in (limit.work.intensity for limit in found.phases) if each]
    band = found.ceilings.bandwidth
    if band is not None:
        places += [rate.flops_per_s / band.bytes_per_s for rate in found.ceilings.matmul if rate.flops_per_s]
    return min(low, *(each / 2 for each in places), low), max(high, *(each * 2 for each in places), high)


def _roofs(found: Limits, x: tuple[float, float], theme: Theme) -> list[dict[str, Any]]:
    """The slope of the bandwidth up to the highest ridge, and from each ridge on the level of its format."""
    band = found.ceilings.bandwidth
    rates = [(rate.format, rate.flops_per_s) for rate in found.ceilings.matmul if rate.flops_per_s is not None]
    traces = []
    if band is not None:
        ridge = max((rate / band.bytes_per_s for _form, rate in rates), default=x[1])
        ends = [x[0], min(ridge, x[1])]
        name = text("chart.roofline.memory", rate=quantity(band.bytes_per_s / _GIGA, "GB/s"))
        heights = [end * band.bytes_per_s for end in ends]
        traces.append(_line(name, ends, heights, "solid", theme.muted, 2))
    for place, (form, rate) in enumerate(rates):
        start = max(rate / band.bytes_per_s, x[0]) if band is not None else x[0]
        name = text("chart.roofline.format", format=escape(form, 40), rate=quantity(rate / _GIGA, "GFLOP/s"))
        colour, width = (theme.text, 3.0) if form == found.format else (theme.muted, 1.5)
        dash = _DASHES[place % len(_DASHES)]
        traces.append(_line(name, [start, x[1]], [rate, rate], dash, colour, width))
    return traces


def _line(name: str, x: Sequence[float], y: Sequence[float], dash: str, colour: str, width: float) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": list(x),
        "y": list(y),
        "line": {"dash": dash, "width": width, "color": colour},
        "hoverinfo": "name",
        "showlegend": True,
    }


def _points(points: Sequence[LimitPoint], kind: tuple[str, str], theme: Theme) -> dict[str, Any]:
    phase, of = kind
    shown = [point for point in points if (point.phase, point.of) == kind]
    colour = theme.second if phase == "prefill" else theme.first  # as in the speed chart
    bounds = [point.ci95 for point in shown]
    values = [point.flops_per_s for point in shown]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": text(f"chart.roofline.{of}", phase=text(f"limits.phase.{phase}")),
        "x": [point.intensity for point in shown],
        "y": values,
        "marker": {"symbol": SYMBOLS[kind], "size": 10, "color": colour, "line": {"width": 2, "color": colour}},
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [high[1] - value if high else None for value, high in zip(values, bounds, strict=True)],
            # a bar that reached 0 would have no end on a logarithmic axis
            "arrayminus": [
                value - max(low[0], value / 100) if low else None for value, low in zip(values, bounds, strict=True)
            ],
            "thickness": 2,
            "width": 7,
            "color": colour,
        },
        "hoverinfo": "text",
        "hovertext": [_hover(point) for point in shown],
        "showlegend": bool(shown),
    }


def _hover(point: LimitPoint) -> str:
    bounds = point.ci95 and (point.ci95[0] / _GIGA, point.ci95[1] / _GIGA)
    return text(
        "chart.roofline.hover",
        phase=text(f"limits.phase.{point.phase}"),
        point=escape(point.words),
        measured=measured(point.flops_per_s / _GIGA, bounds, "GFLOP/s"),
        tokens=quantity(point.tokens_per_s, "tok/s"),
        intensity=number(point.intensity),
        share=share(point.share),
    )
