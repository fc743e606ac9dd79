"""What is shown in a notebook: the picker of models, the tuning panel, a sweep, and the live chart of the machine."""

from workbench.widgets.live import LiveUtilisation
from workbench.widgets.panel import TuningPanel
from workbench.widgets.picker import ModelPicker
from workbench.widgets.sweep_panel import SweepPanel

__all__ = ["LiveUtilisation", "ModelPicker", "SweepPanel", "TuningPanel"]
