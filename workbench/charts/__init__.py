"""Plotly figures from results, given a theme: pure functions, no widget and no session."""

from workbench.charts.compare import compare
from workbench.charts.figure import figure
from workbench.charts.memory import memory
from workbench.charts.runs import Run, runs_of
from workbench.charts.scan import scan
from workbench.charts.snapshot import snapshot
from workbench.charts.speed import speed
from workbench.charts.theme import DARK, EITHER, LIGHT, Theme
from workbench.charts.trace import trace, trace_diff

__all__ = [
    "DARK",
    "EITHER",
    "LIGHT",
    "Run",
    "Theme",
    "compare",
    "figure",
    "memory",
    "runs_of",
    "scan",
    "snapshot",
    "speed",
    "trace",
    "trace_diff",
]
