"""The speed chart: tokens per second of each run in order, its interval, and its limit: bandwidth, or products."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from workbench.charts.runs import Run, changes, label, same_config, workload_words
from workbench.charts.theme import Theme, layout, note
from workbench.metrics import METRICS
from workbench.words import text, translate
from workbench.words.format import THIN, escape, measured, number, quantity

MOST_RUNS = 40
MOST_LABELS = 9
SYMBOLS = {"decode_tps": ("circle", "circle-open"), "prefill_tps": ("square", "square-open")}
SHARES = {"decode_tps": "decode_limit_share", "prefill_tps": "prefill_limit_share"}


def speed(
    runs: Sequence[Run],
    theme: Theme,
    metric: str = "decode_tps",
    limit_tps: float | None = None,
    in_force: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A plotly figure as a dictionary: traces "another config", "config in force", "limit": always in this order.

    metric     decode_tps or prefill_tps
    limit_tps  of decode, forecast for the config in force; stands where its run has no measured share of the limit
    in_force   the config whose runs are filled; None: that of the last run
    """
    skipped = max(0, len(runs) - MOST_RUNS)
    runs = runs[skipped:]
    if in_force is None:
        in_force = runs[-1].config if runs else {}
    limits = _limits(runs, metric, limit_tps if metric == "decode_tps" else None)
    colour = theme.first if metric == "decode_tps" else theme.second
    filled, hollow = SYMBOLS[metric]
    now = [index for index, run in enumerate(runs) if same_config(run.config, in_force)]
    others = [index for index in range(len(runs)) if index not in now]
    traces = [
        _points(runs, others, skipped, metric, hollow, colour, text("chart.speed.before")),
        _points(runs, now, skipped, metric, filled, colour, text("chart.speed.now")),
        _limit_line(limits, len(runs), metric, theme),
    ]
    known = any(limit is not None for limit in limits)
    question = f"{metric}_no_limit" if runs and not known else metric
    spec = layout(theme, text(f"chart.speed.{question}"))
    numbered = len(runs) > MOST_LABELS
    spec["xaxis"] = {
        "title": {"text": text("chart.runs.x")},
        "tickvals": list(range(1, len(runs) + 1)),
        "ticktext": [str(index + 1) if numbered else label(runs, index) for index in range(len(runs))],
        "range": [0.4, max(len(runs), 3) + 0.6],
        "showgrid": False,
        "fixedrange": True,
    }
    spec["yaxis"] = {
        "title": {"text": text("chart.speed.y", metric=translate(METRICS[metric].label))},
        # autorange: hiding the limit by a click in the legend brings the points closer
        "autorange": True,
        "rangemode": "tozero",
        "fixedrange": True,
    }
    spec["annotations"] = note(theme, "" if runs or known else text("chart.speed.empty"))
    return {"data": traces, "layout": spec}


def limit_of(run: Run, metric: str = "decode_tps") -> float | None:
    """Tokens/s at the full measured bandwidth (decode) or rate of products (prefill), from this run's share of it.

    None: not measured.
    """
    share = getattr(run.measurement, SHARES[metric])
    return getattr(run.measurement, metric) / share if share else None


def _limits(runs: Sequence[Run], metric: str, limit_tps: float | None) -> list[float | None]:
    limits = [limit_of(run, metric) for run in runs]
    if not limits:
        return [limit_tps]
    if limits[-1] is None:
        limits[-1] = limit_tps
    return limits


def _points(
    runs: Sequence[Run], indices: Sequence[int], skipped: int, metric: str, symbol: str, colour: str, name: str
) -> dict[str, Any]:
    values = [getattr(runs[index].measurement, metric) for index in indices]
    bounds = [_bounds(runs[index], metric) for index in indices]
    return {
        "type": "scatter",
        "mode": "markers+text",
        "text": [f"\u2002{number(value)}" for value in values] if len(runs) <= MOST_LABELS else [""] * len(values),
        "textposition": "middle right",
        "textfont": {"color": colour},
        "name": name,
        "x": [index + 1 for index in indices],
        "y": values,
        "marker": {"symbol": symbol, "size": 10, "color": colour, "line": {"width": 2, "color": colour}},
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [
                high - value if high is not None else None for value, (_, high) in zip(values, bounds, strict=True)
            ],
            "arrayminus": [
                value - low if low is not None else None for value, (low, _) in zip(values, bounds, strict=True)
            ],
            "thickness": 2,
            "width": 7,
            "color": colour,
        },
        "hoverinfo": "text",
        "hovertext": [_hover(runs, index, metric) for index in indices],
        "customdata": [skipped + index for index in indices],
        "showlegend": bool(values),
    }


def _bounds(run: Run, metric: str) -> tuple[float | None, float | None]:
    low, high = run.measurement.ci95.get(metric, (None, None))
    return (low if low is not None and isfinite(low) else None, high if high is not None and isfinite(high) else None)


def _hover(runs: Sequence[Run], index: int, metric: str) -> str:
    measurement = runs[index].measurement
    phrases = changes(runs[index - 1], runs[index]) if index else (text("chart.first"),)
    lines = text(
        "chart.speed.hover",
        metric=translate(METRICS[metric].label),
        value=measured(getattr(measurement, metric), measurement.ci95.get(metric), METRICS[metric].unit),
        n=measurement.repeats,
        workload=workload_words(measurement.workload),
        changes="<br>".join(escape(phrase, 80) for phrase in phrases or (text("chart.same"),)),
    )
    limit = limit_of(runs[index], metric)
    if limit is None:
        return lines
    return f"{lines}<br>{text(f'chart.speed.hover_limit.{metric}', limit=quantity(limit, 'tok/s'))}"


def _limit_line(limits: Sequence[float | None], count: int, metric: str, theme: Theme) -> dict[str, Any]:
    """Each run's own limit as a dashed level: another dtype has another limit."""
    x: list[float | None] = []
    y: list[float | None] = []
    for index, limit in enumerate(limits):
        right = max(count, 3) + 0.6 if index == len(limits) - 1 else index + 1.5
        x += [0.4 if index == 0 else index + 0.5, right]
        y += [limit, limit]
    known = [limit for limit in limits if limit is not None]
    name = text(f"chart.speed.limit.{metric}") + (f", {quantity(known[-1], 'tok/s')}" if known else "")
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name.replace(THIN, " "),
        "x": x,
        "y": y,
        "line": {"dash": "dash", "width": 2, "color": theme.muted},
        "connectgaps": False,
        "hoverinfo": "name",
        "showlegend": bool(known),
    }
