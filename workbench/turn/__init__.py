"""Turns: one timed run at a time on a device, whoever's workbench it is. No torch."""

from workbench.turn.folder import VARIABLE, place
from workbench.turn.taking import environment, has_turn, notebook_name, problem, running, taken, user_name, waiting

__all__ = [
    "VARIABLE",
    "environment",
    "has_turn",
    "notebook_name",
    "place",
    "problem",
    "running",
    "taken",
    "user_name",
    "waiting",
]
