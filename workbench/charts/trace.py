"""The trace chart: where the time of a forward pass goes, by category; and what moved between two traces."""

from collections.abc import Sequence
from typing import Any

from workbench.charts.theme import Theme, layout, note
from workbench.results import PHASES, Trace, TraceDiff
from workbench.results.trace_diff import category_words
from workbench.words import text
from workbench.words.format import escape, number, seconds, share

# every figure has these traces in this order, so that it can be changed in place
CATEGORIES = (
    "attention",
    "linear",
    "norm",
    "rotary",
    "elementwise",
    "memory",
    "sampling",
    "communication",
    "compiled",
    "other",
    "python",
    "idle",
)
_PATTERNS = ("", "", "", "", "", "", "/", "/", "/", "/", "x", "x")
_GAPS = ("python", "idle")
_TOLD_SHARE = 0.06  # a smaller part has no room for a number


def trace(found: Trace | None, theme: Theme) -> dict[str, Any]:
    """A plotly figure as a dictionary: a bar for prefill and one for a decode step, each 100 %, stacked by category."""
    phases = list(found.phases.items()) if found else []
    names = [text(f"trace.head.{name}") for name, _ in phases]
    traces = []
    for place, category in enumerate(CATEGORIES):
        shares = [phase.time_by_category.get(category, 0.0) / phase.seconds for _, phase in phases]
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": category_words(category),
                "y": names,
                "x": [100 * part for part in shares],
                "text": [f"{number(100 * part, 2)}%" if part >= _TOLD_SHARE else "" for part in shares],
                "textposition": "inside",
                "insidetextanchor": "middle",
                # plotly picks a colour for a filled bar; between stripes the page shows
                **({"insidetextfont": {"color": theme.text}} if _PATTERNS[place] else {}),
                "marker": _marker(place, theme),
                "hoverinfo": "text",
                "hovertext": [_hover(found, name, category) for name, _ in phases] if found else [],
                "showlegend": any(part > 0 for part in shares),
            }
        )
    spec = layout(theme, text("chart.trace.title"), height=340)
    spec["barmode"] = "stack"
    spec["bargap"] = 0.45
    spec["xaxis"] = {"title": {"text": text("chart.trace.x")}, "range": [0, 100], "fixedrange": True}
    spec["yaxis"] = {"autorange": "reversed", "fixedrange": True, "showgrid": False}
    # below: so many names fill several rows, which above would run into the title
    spec["legend"] = {**spec["legend"], "y": -0.34, "yanchor": "top", "traceorder": "normal"}
    spec["margin"] = {**spec["margin"], "l": 96, "t": 48, "b": 136}
    spec["annotations"] = note(theme, "" if found else text("chart.trace.empty"))
    return {"data": traces, "layout": spec}


def trace_diff(diff: TraceDiff | None, theme: Theme) -> dict[str, Any]:
    """Seconds of one forward pass that each category gained (right) or lost (left), prefill and decode apart."""
    moved = {name: diff.moved[name] for name in PHASES} if diff else {}
    shown = [category for category in CATEGORIES if any(by.get(category) for by in moved.values())]
    unit, scale = _scale([value for by in moved.values() for value in by.values()])
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "name": text(f"trace.head.{name}"),
            "y": [category_words(category) for category in shown],
            "x": [moved.get(name, {}).get(category, 0.0) * scale for category in shown],
            "marker": {"color": colour, "pattern": {"shape": pattern, "size": 6, "solidity": 0.25}},
            "hoverinfo": "text",
            "hovertext": [
                text(
                    "chart.trace.moved_hover",
                    category=escape(category_words(category)),
                    phase=text(f"trace.head.{name}"),
                    by=_signed(moved.get(name, {}).get(category, 0.0)),
                )
                for category in shown
            ],
            "showlegend": bool(shown),
        }
        for name, colour, pattern in zip(PHASES, (theme.first, theme.second), ("", "/"), strict=True)
    ]
    spec = layout(theme, text("chart.trace.diff_title"), height=320)
    spec["barmode"] = "group"
    spec["xaxis"] = {"title": {"text": text("chart.trace.diff_x", unit=unit)}, "zeroline": True, "fixedrange": True}
    spec["yaxis"] = {"autorange": "reversed", "fixedrange": True, "showgrid": False}
    spec["margin"] = {**spec["margin"], "l": 160}
    spec["annotations"] = note(theme, "" if shown else text("chart.trace.diff_empty"))
    return {"data": traces, "layout": spec}


def _marker(place: int, theme: Theme) -> dict[str, Any]:
    """Six colours by themselves, then again with stripes; what is no operation is grey."""
    gap = CATEGORIES[place] in _GAPS
    colour = theme.muted if gap else theme.series[place % len(theme.series)]
    return {
        "color": colour,
        "pattern": {"shape": _PATTERNS[place], "size": 6, "solidity": 0.25},
        "line": {"width": 1, "color": theme.muted},
    }


def _hover(found: Trace, name: str, category: str) -> str:
    phase = found.phases[name]
    largest = [use for use in phase.top if use.category == category][:3]
    head = text(
        "chart.trace.hover",
        category=escape(category_words(category)),
        time=seconds(phase.per_step.get(category, 0.0)),
        share=share(phase.time_by_category.get(category, 0.0) / phase.seconds),
    )
    return "<br>".join([head, *(f"{escape(use.name, 60)} ×{use.calls} {seconds(use.seconds)}" for use in largest)])


def _scale(values: Sequence[float]) -> tuple[str, float]:
    return ("s", 1.0) if max(map(abs, values), default=0.0) >= 1 else ("ms", 1e3)


def _signed(value: float) -> str:
    return ("+" if value > 0 else "−") + seconds(abs(value))
