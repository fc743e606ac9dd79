"""The speculation chart: decode rate against plain decoding, a bar for each mode and task, with its interval."""

from typing import Any

from workbench.charts.theme import Theme, layout, note
from workbench.results import Speculation, SpeculationRun
from workbench.words import text
from workbench.words.format import escape, interval, ratio


def speculation(found: Speculation, theme: Theme) -> dict[str, Any]:
    """A plotly figure as a dictionary; a dotted line marks no gain."""
    runs = list(reversed(found.runs))
    gains = [run.comparison.ratio["decode_tps"] for run in runs]
    bounds = [run.comparison.ci95.get("decode_tps") for run in runs]
    spec = layout(theme, text("chart.speculation.title"), height=120 + 40 * max(len(runs), 3))
    spec["xaxis"] = {"title": {"text": text("chart.speculation.x")}, "rangemode": "tozero", "fixedrange": True}
    spec["yaxis"] = {"fixedrange": True}
    spec["annotations"] = note(theme, "")
    spec["shapes"] = [
        {
            "type": "line",
            "x0": 1,
            "x1": 1,
            "y0": 0,
            "y1": 1,
            "yref": "paper",
            "line": {"dash": "dot", "width": 1.5, "color": theme.muted},
        }
    ]
    bar = {
        "type": "bar",
        "orientation": "h",
        "x": gains,
        "y": [escape(f"{run.name}, {run.task}", 60) for run in runs],
        "marker": {"color": [theme.first if gain > 1 else theme.second for gain in gains]},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [high[1] - gain if high else None for gain, high in zip(gains, bounds, strict=True)],
            "arrayminus": [gain - low[0] if low else None for gain, low in zip(gains, bounds, strict=True)],
            "color": theme.text,
        },
        "hoverinfo": "text",
        "hovertext": [_hover(run) for run in runs],
        "showlegend": False,
    }
    return {"data": [bar], "layout": spec}


def _hover(run: SpeculationRun) -> str:
    return text(
        "chart.speculation.hover",
        mode=escape(run.name),
        task=escape(run.task, 60),
        ratio=ratio(run.comparison.ratio["decode_tps"]),
        interval=interval(run.comparison.ci95.get("decode_tps")),
        kept=run.drafts.told,
        passes=run.drafts.passes,
        tokens=run.new_tokens,
        pairs=run.comparison.pairs,
    )
