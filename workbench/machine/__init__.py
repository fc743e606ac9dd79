"""What this machine is: `doctor()`, and what the rest of the workbench asks of it. Never imports torch."""

from workbench.machine.examine import (
    doctor,
    remember_bandwidth,
    thread_choice,
    worker_environment,
)

__all__ = ["doctor", "remember_bandwidth", "thread_choice", "worker_environment"]
