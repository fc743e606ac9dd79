"""Charts of decoding: each setting's effects in panes, saved time by prompt, windows against one pass."""

from typing import Any

from workbench.charts.theme import Theme, layout, note, titled
from workbench.results import DecodingEffects, Effect, Stopping, Windows
from workbench.results.decoding import METRICS, setting_words, verdict_words
from workbench.words import text
from workbench.words.format import escape, interval, number, ratio, seconds

_ROW = 34  # pixels
_PANES = ("repeat_4gram", "distinct_2", "ended", "tokens", "nll")
_GAP = 0.03  # of the width, between panes


def decoding(found: DecodingEffects, theme: Theme) -> dict[str, Any]:
    """A plotly figure as a dictionary: a pane for each measure, a row for each setting, the first on top.

    A filled mark differs from the first setting's, a hollow one does not.
    """
    rows = [escape(setting_words(each), 60) for each in found.settings]
    spec = layout(theme, titled(text("chart.decoding.title"), str(found.sentence)), 160 + _ROW * len(rows))
    spec["margin"] |= {"l": 190, "t": 76}
    width = (1 - _GAP * (len(_PANES) - 1)) / len(_PANES)
    traces = []
    for pane, metric in enumerate(_PANES):
        suffix = str(pane + 1) if pane else ""
        left = pane * (width + _GAP)
        spec[f"xaxis{suffix}"] = {
            "title": {"text": text(f"decoding.metric.{metric}") + (", %" if METRICS[metric] else "")},
            "domain": [left, min(left + width, 1.0)],
            "anchor": f"y{suffix}",
            "rangemode": "tozero",
            "nticks": 4,
            "fixedrange": True,
        }
        spec[f"yaxis{suffix}"] = {
            "tickvals": list(range(len(rows))),
            "ticktext": rows,
            "showticklabels": pane == 0,
            "range": [len(rows) - 0.5, -0.5],
            "anchor": f"x{suffix}",
            "fixedrange": True,
            **({} if pane == 0 else {"matches": "y"}),
        }
        traces.append(_pane(found, metric, suffix, rows, theme))
    return {"data": traces, "layout": spec}


def _pane(found: DecodingEffects, metric: str, suffix: str, rows: list[str], theme: Theme) -> dict[str, Any]:
    scale = 100 if METRICS[metric] else 1
    there = [(row, each.metrics[metric]) for row, each in enumerate(found.settings) if metric in each.metrics]
    differ = [bool(_verdict(found, row, metric)) or row == 0 for row, _ in there]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": text(f"decoding.metric.{metric}"),
        "showlegend": False,
        "x": [scale * effect.value for _, effect in there],
        "y": [row for row, _ in there],
        "xaxis": f"x{suffix}",
        "yaxis": f"y{suffix}",
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [scale * (effect.ci95[1] - effect.value) for _, effect in there],
            "arrayminus": [scale * (effect.value - effect.ci95[0]) for _, effect in there],
            "thickness": 2,
            "width": 5,
            "color": theme.muted,
        },
        "marker": {
            "symbol": ["circle" if filled else "circle-open" for filled in differ],
            "size": 10,
            "color": [theme.first if row == 0 else theme.second for row, _ in there],
        },
        "hoverinfo": "text",
        "hovertext": [_hover(found, row, metric, effect, rows[row], scale) for row, effect in there],
    }


def _hover(found: DecodingEffects, row: int, metric: str, effect: Effect, name: str, scale: int) -> str:
    said = text(
        "chart.decoding.hover",
        setting=name,
        metric=text(f"decoding.metric.{metric}"),
        value=number(scale * effect.value) + (" %" if scale == 100 else ""),
        interval=interval((scale * effect.ci95[0], scale * effect.ci95[1])),
        prompts=found.prompts,
    )
    verdict = _verdict(found, row, metric)
    return f"{said}<br>{escape(verdict)}" if verdict else said


def _verdict(found: DecodingEffects, row: int, metric: str) -> str:
    said = [each for each in found.settings[row].verdicts if each.params.get("metric") == metric]
    return verdict_words(said[0]) if said else ""


def stopping(found: Stopping, theme: Theme) -> dict[str, Any]:
    """Seconds of each answer: whole, cut afterwards, ended by the criterion."""
    rows = [escape(each.prompt, 40) for each in found.answers]
    spec = layout(theme, titled(text("chart.stopping.title"), str(found.verdict)), 190 + 2 * _ROW * len(rows))
    spec["margin"] |= {"l": 220, "t": 110}
    spec["xaxis"] = {"title": {"text": text("chart.stopping.x")}, "rangemode": "tozero", "fixedrange": True}
    spec["yaxis"] = {
        "tickvals": list(range(len(rows))),
        "ticktext": rows,
        "range": [len(rows) - 0.4, -0.6],
        "fixedrange": True,
    }
    spec["barmode"] = "group"
    sides = {
        "whole": ([each.whole_s for each in found.answers], theme.muted, ""),
        "cut": ([each.whole_s + each.cut_s for each in found.answers], theme.second, "/"),
        "stopped": ([each.stopped_s for each in found.answers], theme.first, ""),
    }
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "name": text(f"chart.stopping.{name}"),
                "x": values,
                "y": list(range(len(rows))),
                "marker": {"color": colour, "pattern": {"shape": pattern, "size": 6, "solidity": 0.25}},
                "hoverinfo": "text",
                "hovertext": [f"{row}<br>{seconds(value)}" for row, value in zip(rows, values, strict=True)],
            }
            for name, (values, colour, pattern) in sides.items()
        ],
        "layout": spec,
    }


def windows(found: Windows, theme: Theme) -> dict[str, Any]:
    """Windows ÷ one pass: time, tokens computed, memory, loss; 1 is the same."""
    spec = layout(theme, titled(text("chart.windows.title"), str(found.verdict)), 300)
    spec["margin"] |= {"l": 180, "t": 96}
    one, slid = found.one_pass, found.windows
    parts: list[tuple[str, float, tuple[float, float] | None]] = []
    if one is not None:
        parts = [
            ("seconds", found.time_ratio or 0.0, found.time_ratio_ci95),
            ("tokens", slid.tokens / one.tokens, None),
            ("peak", slid.peak_bytes / one.peak_bytes, None),
            ("nll", slid.nll / one.nll, None),
            ("last", slid.last_nll / one.last_nll, None),
        ]
    rows = [text(f"chart.windows.{name}") for name, _, _ in parts]
    spec["xaxis"] = {"title": {"text": text("chart.windows.x")}, "fixedrange": True}
    spec["yaxis"] = {
        "tickvals": list(range(len(rows))),
        "ticktext": rows,
        "range": [max(len(rows), 1) - 0.4, -0.6],
        "fixedrange": True,
    }
    spec["shapes"] = [{"type": "line", "x0": 1, "x1": 1, "yref": "paper", "y0": 0, "y1": 1, "line": {"dash": "dash"}}]
    spec["annotations"] = note(theme, "" if parts else text("chart.windows.only"))
    bounds = [ends or (value, value) for _, value, ends in parts]
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "markers",
                "x": [value for _, value, _ in parts],
                "y": list(range(len(parts))),
                "showlegend": False,
                "marker": {"symbol": "diamond", "size": 11, "color": theme.first},
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": [high - value for (_, value, _), (_, high) in zip(parts, bounds, strict=True)],
                    "arrayminus": [value - low for (_, value, _), (low, _) in zip(parts, bounds, strict=True)],
                    "color": theme.first,
                },
                "hoverinfo": "text",
                "hovertext": [
                    f"{row}: {ratio(value)}" + (f" {interval(ends)}" if ends else "")
                    for row, (_, value, ends) in zip(rows, parts, strict=True)
                ],
            }
        ],
        "layout": spec,
    }
