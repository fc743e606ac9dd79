"""Plotly figures from results, given a theme: pure functions, no widget and no session."""

from workbench.charts.batching import batching
from workbench.charts.census import census
from workbench.charts.compare import compare
from workbench.charts.decision import decision
from workbench.charts.endpoint import endpoint
from workbench.charts.energy import energy
from workbench.charts.figure import figure
from workbench.charts.latency import latency
from workbench.charts.memory import memory
from workbench.charts.memory_health import memory_health
from workbench.charts.quality import quality
from workbench.charts.roofline import roofline
from workbench.charts.runs import Run, runs_of
from workbench.charts.scan import scan
from workbench.charts.sensitivity import sensitivity
from workbench.charts.snapshot import snapshot
from workbench.charts.speed import speed
from workbench.charts.sweep import sweep
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
    "energy",
    "figure",
    "latency",
    "memory",
    "memory_health",
    "quality",
    "roofline",
    "runs_of",
    "scan",
    "sensitivity",
    "snapshot",
    "speed",
    "sweep",
    "trace",
    "trace_diff",
]
