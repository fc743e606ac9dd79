"""The comparison chart: how many times as fast b is as a, with its interval, over what chance alone could show."""

from math import isfinite, log10
from textwrap import wrap
from typing import Any

from workbench.charts.runs import workload_words
from workbench.charts.theme import Theme, layout, note
from workbench.config import Config
from workbench.judging import names_of
from workbench.metrics import METRICS, Better
from workbench.results import Comparison
from workbench.words import text, translate
from workbench.words.format import escape, interval, printable, ratio

# from the top; time to first token and time per token say the same as prefill and decode, upside down
ROWS = ("prefill_tps", "decode_tps", "e2e_s")
HEIGHT = 320
_TITLE = 66  # letters that a narrow page has room for
# up to this ratio at the axis' end -> ticks that have room beside each other on a narrow page
_TICKS = (
    (1.6, [0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5]),
    (4.0, [0.33, 0.5, 0.75, 1, 1.5, 2, 3]),
    (float("inf"), [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100]),
)


def compare(comparison: Comparison | None, theme: Theme) -> dict[str, Any]:
    """A plotly figure as a dictionary: traces "chance", "equal", "difference seen", "no difference seen".

    The axis is b ÷ a as a speed: right of 1, b is faster, also for times, whose ratio is turned over. Logarithmic, so
    that twice as fast and half as fast lie equally far from 1.
    """
    places = {metric: len(ROWS) - index for index, metric in enumerate(ROWS)}
    shown = [metric for metric in ROWS if comparison is not None and metric in comparison.ratio]
    seen = [metric for metric in shown if comparison is not None and metric in comparison.seen]
    rest = [metric for metric in shown if metric not in seen]
    reach = _range(comparison, shown)
    ticks = next(ticks for most, ticks in _TICKS if reach[1] <= log10(most))
    spec = layout(theme, _title(comparison), HEIGHT)
    spec["margin"] |= {"t": 92, "b": 48}
    spec["xaxis"] = {
        "title": {"text": text("chart.compare.x")},
        "type": "log",
        "range": reach,
        "tickvals": ticks,
        "ticktext": [f"{tick:g}×" for tick in ticks],
        "fixedrange": True,
    }
    spec["yaxis"] = {
        "tickvals": list(places.values()),
        "ticktext": [_row(metric) for metric in places],
        "range": [0.4, len(ROWS) + 0.6],
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
    }
    spec["annotations"] = note(theme, "" if shown else text("chart.compare.empty"))
    traces = [
        _chance(comparison, shown, places, theme),
        {
            "type": "scatter",
            "mode": "lines",
            "name": text("chart.compare.equal"),
            "x": [1.0, 1.0, None] * len(ROWS),  # with a gap over each row, where its numbers stand
            "y": [part for row in range(1, len(ROWS) + 1) for part in (row - 0.6, row + 0.12, None)],
            "line": {"dash": "dash", "width": 2, "color": theme.muted},
            "hoverinfo": "skip",
            "showlegend": False,
        },
        _points(comparison, seen, places, reach[1], "diamond", theme.first, text("chart.compare.seen")),
        _points(
            comparison, rest, places, reach[1], "circle-open", theme.second, text(f"chart.compare.{_rest(comparison)}")
        ),
    ]
    return {"data": traces, "layout": spec}


def _row(metric: str) -> str:
    label = translate(METRICS[metric].label)
    return label if METRICS[metric].better is Better.HIGHER else text("chart.compare.as_a_speed", metric=label)


def _rest(comparison: Comparison | None) -> str:
    """What is said of the points that show no difference."""
    return "no_verdict" if comparison is not None and (comparison.quick or comparison.shared) else "not_seen"


def speed_ratio(comparison: Comparison, metric: str) -> tuple[float, tuple[float, float] | None]:
    """b ÷ a as a speed, with its interval: a time's ratio is turned over."""
    value, bounds = comparison.ratio[metric], comparison.ci95.get(metric)
    if METRICS[metric].better is Better.HIGHER:
        return value, bounds
    return 1 / value, (1 / bounds[1], 1 / bounds[0]) if bounds is not None else None


def _title(comparison: Comparison | None) -> str:
    if comparison is None:
        return text("chart.compare.title_empty")
    a, b = names_of(Config(**comparison.a), Config(**comparison.b))
    code = "chart.compare.title_quick" if comparison.quick else "chart.compare.title"
    if comparison.shared:
        code = "chart.compare.title_shared"
    question = "<br>".join(escape(line) for line in wrap(printable(text(code, a=a[:60], b=b[:60]), 300), _TITLE))
    return f"{question}<br><span style='font-size:12px'>{escape(_work(comparison))}</span>"


def _work(comparison: Comparison) -> str:
    return text("chart.compare.work", workload=workload_words(comparison.workload), pairs=comparison.pairs)


def _range(comparison: Comparison | None, shown: list[str]) -> list[float]:
    """In powers of ten; holds every interval and floor, and never less than ±10 %."""
    reach = 1.1
    for metric in shown:
        assert comparison is not None
        value, bounds = speed_ratio(comparison, metric)
        ends = [value, *(bounds or ()), comparison.noise_floor.get(metric, 1.0)]
        reach = max(reach, *(max(end, 1 / end) for end in ends if end > 0 and isfinite(end)))
    width = log10(min(reach, 100.0)) * 1.25
    return [-width, width]


def _chance(comparison: Comparison | None, shown: list[str], places: dict[str, int], theme: Theme) -> dict[str, Any]:
    """What one configuration against itself could show, as a broad band on each row."""
    x: list[float | None] = []
    y: list[float | None] = []
    hover: list[str] = []
    for metric in shown:
        floor = comparison.noise_floor.get(metric) if comparison is not None else None
        if floor is not None:
            said = text("chart.compare.hover_chance", low=ratio(1 / floor), high=ratio(floor))
            x += [1 / floor, floor, None]
            y += [places[metric]] * 2 + [None]
            hover += [said] * 3
    return {
        "type": "scatter",
        "mode": "lines",
        "name": text("chart.compare.chance"),
        "x": x,
        "y": y,
        "line": {"width": 26, "color": theme.grid},
        "hoverinfo": "text",
        "hovertext": hover,
        "showlegend": bool(x),
    }


def _beside(value: float, reach: float) -> str:
    """Where a point's numbers have room: away from the end of the axis that it is near."""
    share = log10(value) / reach if value > 0 else 0.0
    return "top left" if share > 0.5 else "top right" if share < -0.5 else "top center"


def _points(
    comparison: Comparison | None,
    metrics: list[str],
    places: dict[str, int],
    reach: float,
    symbol: str,
    colour: str,
    name: str,
) -> dict[str, Any]:
    values = [speed_ratio(comparison, metric) for metric in metrics] if comparison is not None else []
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": name,
        "x": [value for value, _ in values],
        "y": [places[metric] for metric in metrics],
        "text": [f"{ratio(value)} {interval(bounds)}" for value, bounds in values],
        "textposition": [_beside(value, reach) for value, _ in values],
        "textfont": {"color": colour},
        "marker": {"symbol": symbol, "size": 12, "color": colour, "line": {"width": 2, "color": colour}},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [bounds[1] - value if bounds is not None else None for value, bounds in values],
            "arrayminus": [value - bounds[0] if bounds is not None else None for value, bounds in values],
            "thickness": 2,
            "width": 7,
            "color": colour,
        },
        "hoverinfo": "text",
        "hovertext": [escape(str(comparison.verdict[metric]), 300) for metric in metrics] if comparison else [],
        "showlegend": bool(metrics),
    }
