"""Plotly figures from results, given a theme: pure functions, no widget and no session."""

from workbench.charts.batching import batching
from workbench.charts.census import census
from workbench.charts.compare import compare
from workbench.charts.decision import decision
from workbench.charts.endpoint import endpoint
from workbench.charts.figure import figure
from workbench.charts.memory import memory
from workbench.charts.quality import quality
from workbench.charts.runs import Run, runs_of
from workbench.charts.scan import scan
from workbench.charts.sensitivity import sensitivity
from workbench.charts.snapshot import snapshot
from workbench.charts.speed import speed
from workbench.charts.theme import DARK, EITHER, LIGHT, Theme
from workbench.charts.trace import trace, trace_diff
from workbench.decisions import Candidate, Decision, decision_of

__all__ = [
    "DARK",
    "EITHER",
    "LIGHT",
    "Candidate",
    "Decision",
    "Run",
    "Theme",
    "batching",
    "census",
    "compare",
    "decision",
    "decision_of",
    "endpoint",
    "figure",
    "memory",
    "quality",
    "runs_of",
    "scan",
    "sensitivity",
    "snapshot",
    "speed",
    "trace",
    "trace_diff",
]
