"""What is shown in a notebook: picker, tuning panel, sweep, cards of tips, guesses, recorded runs, live chart."""

from workbench.widgets.guess import Guess
from workbench.widgets.live import LiveUtilisation
from workbench.widgets.panel import TuningPanel
from workbench.widgets.picker import ModelPicker
from workbench.widgets.replay_panel import ReplayPanel
from workbench.widgets.sweep_panel import SweepPanel
from workbench.widgets.tip_cards import TipCards

__all__ = ["Guess", "LiveUtilisation", "ModelPicker", "ReplayPanel", "SweepPanel", "TipCards", "TuningPanel"]
