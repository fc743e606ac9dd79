"""The memory chart: what weights, KV cache and the work hold of each run, what is left, and what was forecast."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.charts.runs import Run, label
from workbench.charts.speed import MOST_LABELS, MOST_RUNS
from workbench.charts.theme import Theme, layout, note
from workbench.results import Forecast
from workbench.words import text
from workbench.words.format import escape, size

# every figure has these traces, so that it can be changed in place: name -> formats, of which "other" has the rest
GROUPS = {
    "float32": ("float32",),
    "bfloat16": ("bfloat16",),
    "float16": ("float16",),
    "8-bit": ("int8", "float8_e4m3fn", "float8_e5m2"),
    "4-bit": ("int4", "nf4", "fp4"),
    "other": (),
}
PARTS = ("forecast_weights", "kv_cache", "workspace", "free")
_PATTERNS = {**dict(zip(GROUPS, ("", "/", "x", "-", "\\", "."), strict=True)), "forecast_weights": "."}
_PATTERNS |= {"kv_cache": "|", "workspace": "+", "free": ""}
_HEIGHT, _BELOW = 430, 170  # pixels
_FREE_AT_MOST = 0.35  # of the axis: what is free may be a hundred times the model, and its bar ends there


@dataclass(frozen=True)
class _Column:
    """weights: bytes by format; parts: of PARTS, those that are known; hover: a line for each that is not plain."""

    label: str
    weights: Mapping[str, int]
    parts: Mapping[str, int]
    remark: str = ""

    @property
    def used(self) -> int:
        return sum(self.weights.values()) + sum(size for name, size in self.parts.items() if name != "free")


def memory(
    runs: Sequence[Run],
    theme: Theme,
    loaded: Mapping[str, int] | None = None,
    forecast: Forecast | None = None,
) -> dict[str, Any]:
    """A plotly figure as a dictionary. Traces, always in this order: a bar for each group of formats, one for each of
    PARTS, the measured peaks, and what was forecast for each run.

    loaded    bytes by format of the resident model, shown while there is no run
    forecast  of the configuration in force, a column of its own on the right
    """
    runs = runs[-MOST_RUNS:]
    columns = [_measured(runs, index) for index in range(len(runs))]
    if loaded and not runs:
        columns.append(_Column(text("chart.memory.loaded"), loaded, {}))
    foretold = [run.forecast for run in runs] + [None] * (len(columns) - len(runs))
    if forecast is not None:
        columns.append(_forecast(forecast))
        foretold.append(None)
    peaks = [run.measurement.peak_bytes for run in runs]
    known = [each.total for each in foretold if each is not None]
    tallest = max([column.used for column in columns] + peaks + known, default=0)
    scale, unit = scale_of([tallest])
    top = _top(columns, tallest or scale)
    traces = [_bars(name, columns, scale, top, theme) for name in (*GROUPS, *PARTS)]
    traces += [_peaks(runs, scale, theme), _foretold(foretold, scale, theme)]
    spec = layout(theme, text("chart.memory.title"), height=_HEIGHT)
    # below the axis: ten names fill three rows, which above would run into the title
    spec["margin"] |= {"t": 44, "b": _BELOW}
    spec["legend"] |= {"y": -76 / (_HEIGHT - 44 - _BELOW), "yanchor": "top", "traceorder": "normal"}
    spec["barmode"] = "stack"
    spec["bargap"] = 0.5
    spec["xaxis"] = {
        "title": {"text": text("chart.runs.x")},
        "tickvals": list(range(1, len(columns) + 1)),
        "ticktext": [column.label for column in columns],
        "range": [0.4, max(len(columns), 3) + 0.6],
        "showgrid": False,
        "fixedrange": True,
    }
    spec["yaxis"] = {
        "title": {"text": text("chart.memory.y", unit=unit)},
        "range": [0, top / scale],
        "fixedrange": True,
    }
    spec["annotations"] = note(theme, "" if columns else text("chart.memory.empty"))
    return {"data": traces, "layout": spec}


def scale_of(values: Sequence[int]) -> tuple[int, str]:
    return (1 << 30, "GiB") if max(values, default=0) >= 2 << 30 else (1 << 20, "MiB")


def _measured(runs: Sequence[Run], index: int) -> _Column:
    run = runs[index]
    taken = run.measurement
    weights, cache = taken.resolved.bytes_by_dtype, sum(taken.kv_cache_bytes.values())
    parts = {"kv_cache": cache, "workspace": max(0, taken.peak_bytes - sum(weights.values()) - cache)}
    if run.forecast is not None and run.forecast.available is not None:
        parts["free"] = max(0, run.forecast.available - sum(weights.values()) - sum(parts.values()))
    own = taken.peak_method.startswith("torch.cuda")
    return _Column(
        str(index + 1) if len(runs) > MOST_LABELS else label(runs, index),
        weights,
        parts,
        text("chart.memory.beside_gpu" if own else "chart.memory.beside_process"),
    )


def _forecast(found: Forecast) -> _Column:
    parts = {"forecast_weights": found.weights, "kv_cache": found.kv_cache, "workspace": found.workspace}
    if found.available is not None:
        parts["free"] = max(0, found.available - found.total)
    return _Column(text("chart.memory.forecast_column"), {}, parts, text("chart.memory.beside_forecast"))


def _top(columns: Sequence[_Column], tallest: int) -> int:
    """Of the axis, bytes: all that is used, and of what is free as much as leaves the rest readable."""
    whole = max((column.used + column.parts.get("free", 0) for column in columns), default=0)
    return round(1.06 * min(max(whole, tallest), tallest / (1 - _FREE_AT_MOST)))


def _bars(name: str, columns: Sequence[_Column], scale: int, top: int, theme: Theme) -> dict[str, Any]:
    held = [_held(column, name) for column in columns]
    shown = [
        min(value, max(0, top - column.used)) if name == "free" else value
        for value, column in zip(held, columns, strict=True)
    ]
    place = [*GROUPS, *PARTS].index(name)
    colour = "rgba(0, 0, 0, 0)" if name == "free" else theme.series[place % len(theme.series)]
    return {
        "type": "bar",
        "name": text(f"chart.memory.{name}") if name in PARTS else text("chart.memory.weights", dtype=name),
        "x": list(range(1, len(columns) + 1)),
        "y": [value / scale for value in shown],
        # a bar that goes on beyond the axis says how far
        "text": [
            text("chart.memory.free_beyond", size=size(value)) if cut < value else ""
            for cut, value in zip(shown, held, strict=True)
        ],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "constraintext": "none",
        "textangle": 0,
        "textfont": {"color": theme.muted},
        "marker": {
            "color": colour,
            "pattern": {"shape": _PATTERNS[name], "size": 6, "solidity": 0.25},
            "line": {"width": 1, "color": theme.muted},
        },
        "hoverinfo": "text",
        "hovertext": [_hover(column, name) for column in columns],
        "showlegend": any(held),
    }


def _held(column: _Column, name: str) -> int:
    if name in PARTS:
        return column.parts.get(name, 0)
    known = {each for formats in GROUPS.values() for each in formats}
    return sum(
        value
        for each, value in column.weights.items()
        if each in GROUPS[name] or (not GROUPS[name] and each not in known)
    )


def _hover(column: _Column, name: str) -> str:
    if name not in PARTS:
        return "<br>".join(f"{escape(each)} {size(value)}" for each, value in column.weights.items())
    said = f"{text(f'chart.memory.{name}')} {size(column.parts.get(name, 0))}"
    return f"{said}<br>{column.remark}" if name == "workspace" and column.remark else said


def _peaks(runs: Sequence[Run], scale: int, theme: Theme) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": text("chart.memory.peak"),
        "x": list(range(1, len(runs) + 1)),
        "y": [run.measurement.peak_bytes / scale for run in runs],
        "marker": {"symbol": "diamond", "size": 11, "color": theme.second, "line": {"width": 1, "color": theme.text}},
        "hoverinfo": "text",
        "hovertext": [
            text(
                "chart.memory.peak_hover",
                size=size(run.measurement.peak_bytes),
                method=escape(run.measurement.peak_method),
            )
            for run in runs
        ],
        "showlegend": bool(runs),
    }


def _foretold(foretold: Sequence[Forecast | None], scale: int, theme: Theme) -> dict[str, Any]:
    known = [(index + 1, each) for index, each in enumerate(foretold) if each is not None]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": text("chart.memory.foretold"),
        "x": [place for place, _ in known],
        "y": [each.total / scale for _, each in known],
        "marker": {
            "symbol": "line-ew-open",
            "size": 34,
            "color": theme.text,
            "line": {"width": 3, "color": theme.text},
        },
        "hoverinfo": "text",
        "hovertext": [
            text(
                "chart.memory.foretold_hover",
                total=size(each.total),
                weights=size(each.weights),
                kv_cache=size(each.kv_cache),
                workspace=size(each.workspace),
            )
            for _, each in known
        ],
        "showlegend": bool(known),
    }
