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
    figure = make_subplots(rows=1, cols=2, horizontal_spacing=0.1)
    for column, spec in enumerate(specs, 1):
        legend = "legend" if column == 1 else "legend2"
        for trace in spec["data"]:
            figure.add_trace({**trace, "legend": legend}, row=1, col=column)
        figure.update_xaxes(spec["layout"]["xaxis"], row=1, col=column)
        figure.update_yaxes(spec["layout"]["yaxis"], row=1, col=column)
        left = figure.layout["xaxis" if column == 1 else "xaxis2"].domain[0]
        figure.update_layout(
            {legend: {"orientation": "h", "x": left, "xanchor": "left", "y": 1.0, "yanchor": "bottom"}}
        )
        figure.add_annotation(
            text=spec["layout"]["title"]["text"],
            x=left,
            xref="paper",
            xanchor="left",
            y=1.0,
            yref="paper",
            yanchor="bottom",
            yshift=34,
            showarrow=False,
            font={"size": 14},
        )
    models = sorted({run.model for run in ordered if run.model})
    figure.update_layout(
        template=specs[0]["layout"]["template"],
        title={"text": ", ".join(escape(model, 60) for model in models), "y": 0.98, "yanchor": "top"},
        barmode="stack",
        bargap=0.5,
        height=440,
        margin={"l": 56, "r": 16, "t": 100, "b": 40},
    )
    return figure
