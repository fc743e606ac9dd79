"""DeepSeek Tuning Workbench: change one knob on a live model and see what really changed.

The public names below are loaded on first use; importing this package never imports torch.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Config": "workbench.config",
    "Workload": "workbench.results",
    "Machine": "workbench.results",
    "Agreement": "workbench.results",
    "CompareCost": "workbench.results",
    "Comparison": "workbench.results",
    "Check": "workbench.results",
    "Measurement": "workbench.results",
    "Census": "workbench.results",
    "LatencyRun": "workbench.results",
    "Endpoint": "workbench.results",
    "QualityDiff": "workbench.results",
    "Scan": "workbench.results",
    "Snippet": "workbench.results",
    "Sweep": "workbench.results",
    "Trace": "workbench.results",
    "Verification": "workbench.results",
    "trace_diff": "workbench.results.trace_diff",
    "Runs": "workbench.runs",
    "Session": "workbench.session",
    "Pasted": "workbench.pasted",
    "Sharing": "workbench.results",
    "check": "workbench.checking",
    "doctor": "workbench.machine",
    "sharing": "workbench.others",
    "quantize": "workbench.hub.quantize",
    "WorkbenchError": "workbench.errors",
    "ConfigError": "workbench.errors",
    "CapabilityError": "workbench.errors",
    "DeviceBusy": "workbench.errors",
    "ModelError": "workbench.errors",
    "OutOfMemory": "workbench.errors",
    "StoreError": "workbench.errors",
    "EndpointError": "workbench.errors",
    "WorkerDied": "workbench.errors",
    "Stopped": "workbench.errors",
}
_ROOMS = (
    *("charts", "endpoint", "export", "forecast", "knobs", "machine", "metrics", "monitor", "pasted", "sweep"),
    "tips",
    "widgets",
)

__all__ = [*_HOMES, *_ROOMS]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _ROOMS:
        return import_module(f"workbench.{name}")
    raise AttributeError(f"module 'workbench' has no attribute {name!r}")


def __dir__() -> "list[str]":  # quoted: a Python that is too old must get as far as to be told so
    return sorted([*__all__, "__version__"])
