"""One result as a plain figure for a cell: it survives in a saved notebook, where a live widget does not."""

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go

from workbench.charts.compare import compare
from workbench.charts.scan import scan
from workbench.charts.theme import EITHER, Theme
from workbench.charts.trace import trace, trace_diff
from workbench.results import Comparison, Result, Scan, Trace, TraceDiff
from workbench.words import text

_CHARTS: dict[type[Result], Callable[[Any, Theme], dict[str, Any]]] = {
    Comparison: compare,
    Scan: scan,
    Trace: trace,
    TraceDiff: trace_diff,
}


def figure(result: Result, theme: Theme = EITHER) -> go.Figure:
    """The chart of a Comparison, Trace, TraceDiff or Scan. TypeError for what has none.

    theme  EITHER is readable on a light and on a dark page
    """
    for kind, draw in _CHARTS.items():
        if isinstance(result, kind):
            return go.Figure(draw(result, theme))
    raise TypeError(text("chart.none", kind=type(result).__name__))
