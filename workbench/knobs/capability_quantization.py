"""Whether a quantisation can be used on this machine with this model, decided by facts alone."""

from collections.abc import Mapping
from typing import Any

from workbench.knobs.knob import OK
from workbench.results import Capability, Machine, ModelFacts


def quantization(value: Any, machine: Machine, model: ModelFacts | None, values: Mapping[str, Any]) -> Capability:
    """Every value of the knob `quantization`."""
    return OK


def compute_dtype(value: Any, machine: Machine, model: ModelFacts | None, values: Mapping[str, Any]) -> Capability:
    """Every value of the knob `compute_dtype`."""
    return OK


def double_quant(value: Any, machine: Machine, model: ModelFacts | None, values: Mapping[str, Any]) -> Capability:
    """Whether the scales' own quantisation is of any use here."""
    return OK


def group_size(value: Any, machine: Machine, model: ModelFacts | None, values: Mapping[str, Any]) -> Capability:
    """Whether the size divides this model's rows."""
    return OK
