"""Plotly figures from results, given a theme: pure functions, no widget and no session."""

from workbench.charts.memory import memory
from workbench.charts.runs import Run, runs_of
from workbench.charts.snapshot import snapshot
from workbench.charts.speed import speed
from workbench.charts.theme import DARK, EITHER, LIGHT, Theme

__all__ = ["DARK", "EITHER", "LIGHT", "Run", "Theme", "memory", "runs_of", "snapshot", "speed"]
