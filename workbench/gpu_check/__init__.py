"""One run over everything that only a GPU can prove, in sections that fail one by one and are reported together.

Without a CUDA GPU it refuses, or with `allow_cpu` rehearses on the CPU, labelled so on every page of its report. The
names of the sections are had without importing what they run.
"""

from importlib import import_module
from typing import Any

from workbench.gpu_check.names import SECTIONS

_HOMES = {
    "check": "checking",
    "cuda": "checking",
    "Report": "report",
    "SectionReport": "report",
    "Proof": "history",
    "proofs": "history",
    "told": "history",
}

__all__ = ["SECTIONS", *_HOMES]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"workbench.gpu_check.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'workbench.gpu_check' has no attribute {name!r}")
