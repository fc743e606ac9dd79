"""What is shown in a notebook: picker of models, tuning panel, sweep, cards of tips, live chart of the machine."""

from workbench.widgets.live import LiveUtilisation
from workbench.widgets.panel import TuningPanel
from workbench.widgets.picker import ModelPicker
from workbench.widgets.sweep_panel import SweepPanel
from workbench.widgets.tip_cards import TipCards

__all__ = ["LiveUtilisation", "ModelPicker", "SweepPanel", "TipCards", "TuningPanel"]
