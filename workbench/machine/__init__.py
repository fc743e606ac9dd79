"""What this machine is: `doctor()`, and what the rest of the workbench asks of it. Never imports torch."""

from workbench.machine.examine import (
    doctor,
    remember_ceilings,
    thread_choice,
    with_free_memory,
    worker_environment,
)
from workbench.machine.power import power_notes
from workbench.machine.values import values

__all__ = [
    "doctor",
    "power_notes",
    "remember_ceilings",
    "thread_choice",
    "values",
    "with_free_memory",
    "worker_environment",
]
