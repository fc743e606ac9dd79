"""What is shown in a notebook: the tuning panel, and the live chart of the machine."""

from workbench.widgets.live import LiveUtilisation
from workbench.widgets.panel import TuningPanel

__all__ = ["LiveUtilisation", "TuningPanel"]
