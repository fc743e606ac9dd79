"""One result as a plain figure for a cell: it survives in a saved notebook, where a live widget does not."""

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go

from workbench.charts.batching import batching
from workbench.charts.census import census
from workbench.charts.compare import compare
from workbench.charts.crossover import crossover
from workbench.charts.decision import decision
from workbench.charts.decoding import decoding, stopping, windows
from workbench.charts.endpoint import endpoint
from workbench.charts.energy import energy
from workbench.charts.latency import latency
from workbench.charts.memory_health import memory_health
from workbench.charts.offload import offload
from workbench.charts.prefix import prefix
from workbench.charts.quality import quality
from workbench.charts.roofline import roofline
from workbench.charts.scan import scan
from workbench.charts.sensitivity import sensitivity
from workbench.charts.speculation import speculation
from workbench.charts.sweep import sweep
from workbench.charts.theme import EITHER, Theme
from workbench.charts.trace import trace, trace_diff
from workbench.charts.verification import verification
from workbench.decisions import Decision
from workbench.results import (
    Batching,
    Census,
    Comparison,
    Crossover,
    DecodingEffects,
    Endpoint,
    Energy,
    LatencyRun,
    Limits,
    MemoryHealth,
    Offload,
    PrefixReuse,
    QualityDiff,
    Result,
    Scan,
    Sensitivity,
    Speculation,
    Stopping,
    Sweep,
    Trace,
    TraceDiff,
    Verification,
    Windows,
)
from workbench.words import text

CHARTS: dict[type[Any], Callable[[Any, Theme], dict[str, Any]]] = {
    Batching: batching,
    Census: census,
    Comparison: compare,
    Decision: decision,
    DecodingEffects: decoding,
    Crossover: crossover,
    Offload: offload,
    PrefixReuse: prefix,
    Endpoint: endpoint,
    Energy: energy,
    LatencyRun: latency,
    Limits: roofline,
    MemoryHealth: memory_health,
    QualityDiff: quality,
    Scan: scan,
    Sensitivity: sensitivity,
    Speculation: speculation,
    Stopping: stopping,
    Sweep: sweep,
    Trace: trace,
    TraceDiff: trace_diff,
    Verification: verification,
    Windows: windows,
}


def figure(result: Result | Decision, theme: Theme = EITHER) -> go.Figure:
    """The chart of a result (`CHARTS` names the kinds) or a Decision. TypeError for what has none.

    theme  EITHER is readable on a light and on a dark page
    """
    return go.Figure(drawn(result, theme))


def drawn(result: Result | Decision, theme: Theme = EITHER) -> dict[str, Any]:
    """The same as a dictionary."""
    for kind, draw in CHARTS.items():
        if isinstance(result, kind):
            return draw(result, theme)
    raise TypeError(text("chart.none", kind=type(result).__name__))
