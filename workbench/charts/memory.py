"""The memory chart: bytes that the weights hold, by number format, and the peak of each run."""

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.charts.runs import Run, label
from workbench.charts.speed import MOST_LABELS, MOST_RUNS
from workbench.charts.theme import Theme, layout, note
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
PATTERNS = ("", "/", "x", "-", "\\", ".")


def memory(runs: Sequence[Run], theme: Theme, loaded: Mapping[str, int] | None = None) -> dict[str, Any]:
    """A plotly figure as a dictionary: a bar trace for each group of formats, then the peaks; always in this order.

    loaded  bytes by format of the resident model, shown while there is no run
    """
    runs = runs[-MOST_RUNS:]
    columns = [run.measurement.resolved.bytes_by_dtype for run in runs] or ([dict(loaded)] if loaded else [])
    peaks = [run.measurement.peak_bytes for run in runs]
    scale, unit = scale_of([sum(column.values()) for column in columns] + peaks)
    places = list(range(1, len(columns) + 1))
    traces = [_bars(group, place, columns, places, scale, theme) for place, group in enumerate(GROUPS)]
    traces.append(
        {
            "type": "scatter",
            "mode": "markers",
            "name": text("chart.memory.peak"),
            "x": places[: len(peaks)],
            "y": [peak / scale for peak in peaks],
            "marker": {
                "symbol": "diamond",
                "size": 11,
                "color": theme.second,
                "line": {"width": 1, "color": theme.text},
            },
            "hoverinfo": "text",
            "hovertext": [
                text(
                    "chart.memory.peak_hover",
                    size=size(run.measurement.peak_bytes),
                    method=escape(run.measurement.peak_method),
                )
                for run in runs
            ],
            "showlegend": bool(peaks),
        }
    )
    numbered = len(runs) > MOST_LABELS
    labels = [str(index + 1) if numbered else label(runs, index) for index in range(len(runs))]
    spec = layout(theme, text("chart.memory.title"))
    spec["barmode"] = "stack"
    spec["bargap"] = 0.5
    spec["xaxis"] = {
        "title": {"text": text("chart.runs.x")},
        "tickvals": places,
        "ticktext": labels or [text("chart.memory.loaded")] * len(places),
        "range": [0.4, max(len(places), 3) + 0.6],
        "showgrid": False,
        "fixedrange": True,
    }
    tallest = max([sum(column.values()) for column in columns] + peaks, default=scale)
    spec["yaxis"] = {
        "title": {"text": text("chart.memory.y", unit=unit)},
        "range": [0, 1.12 * tallest / scale],
        "fixedrange": True,
    }
    spec["annotations"] = note(theme, "" if columns else text("chart.memory.empty"))
    return {"data": traces, "layout": spec}


def _bars(
    group: str, place: int, columns: Sequence[Mapping[str, int]], places: Sequence[int], scale: int, theme: Theme
) -> dict[str, Any]:
    held = [_held(column, group) for column in columns]
    return {
        "type": "bar",
        "name": text("chart.memory.weights", dtype=group),
        "x": list(places),
        "y": [value / scale for value in held],
        "marker": {
            "color": theme.series[place],
            "pattern": {"shape": PATTERNS[place], "size": 6, "solidity": 0.25},
            "line": {"width": 1, "color": theme.muted},
        },
        "hoverinfo": "text",
        "hovertext": [
            "<br>".join(f"{escape(name)} {size(value)}" for name, value in column.items()) for column in columns
        ],
        "showlegend": any(held),
    }


def _held(column: Mapping[str, int], group: str) -> int:
    known = {name for formats in GROUPS.values() for name in formats}
    return sum(
        value for name, value in column.items() if name in GROUPS[group] or (not GROUPS[group] and name not in known)
    )


def scale_of(values: Sequence[int]) -> tuple[int, str]:
    return (1 << 30, "GiB") if max(values, default=0) >= 2 << 30 else (1 << 20, "MiB")
