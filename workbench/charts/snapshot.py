"""A plain figure that survives in a saved notebook, where a live widget does not."""

from collections.abc import Iterable
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from workbench.charts.memory import memory
from workbench.charts.runs import runs_of
from workbench.charts.speed import speed
from workbench.charts.theme import EITHER, Theme
from workbench.words.format import escape


def snapshot(runs: Iterable[Any], theme: Theme = EITHER) -> go.Figure:
    """Speed and memory of `runs` side by side, for the last cell of a notebook.

    runs   `session.runs.list(kind="measurement")`, or Run objects; in any order
    theme  EITHER is readable on a light and on a dark page
    """
    ordered = runs_of(runs)
    specs = (speed(ordered, theme), memory(ordered, theme))
    figure = make_subplots(
        rows=1, cols=2, horizontal_spacing=0.1, subplot_titles=[spec["layout"]["title"]["text"] for spec in specs]
    )
    for column, spec in enumerate(specs, 1):
        for trace in spec["data"]:
            figure.add_trace(trace, row=1, col=column)
        figure.update_xaxes({**spec["layout"]["xaxis"], "automargin": True}, row=1, col=column)
        figure.update_yaxes(spec["layout"]["yaxis"], row=1, col=column)
    models = sorted({run.model for run in ordered if run.model})
    figure.update_layout(
        template=specs[0]["layout"]["template"],
        title={"text": ", ".join(escape(model, 60) for model in models), "x": 0, "xref": "paper"},
        barmode="stack",
        bargap=0.5,
        height=420,
        margin={"l": 56, "r": 16, "t": 88, "b": 96},
        legend={"orientation": "h", "x": 0, "y": -0.36, "yanchor": "top"},
    )
    return figure
