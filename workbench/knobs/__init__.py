"""The knobs registry: every thing a person can change, as data, in the panel's order.

A new knob is an entry in one of the group files, its implementation in the engine, and its test.
"""

from collections.abc import Mapping
from typing import Any

from workbench.knobs import (
    attention,
    decoding,
    machine,
    offloading,
    placement,
    precision,
    quantization,
    sampling,
    speculation,
    tensor_parallel,
    tokens,
)
from workbench.knobs.budgets import Budgets
from workbench.knobs.kinds import Choice, Kind, Names, Number, Texts, Toggle, TokenIds, parse, written
from workbench.knobs.knob import OK, Cost, Group, Knob
from workbench.results import Capability, Machine, ModelFacts

KNOBS: dict[str, Knob] = {
    knob.name: knob
    for group in (
        *(attention, decoding, speculation, precision, quantization, tokens, sampling, machine),
        *(offloading, placement, tensor_parallel),
    )
    for knob in group.KNOBS
}


def cost_of(changes: Mapping[str, Any]) -> Cost:
    """What changing these knobs costs together: the dearest of them."""
    return max((KNOBS[name].cost for name in changes), key=lambda cost: cost.rank, default=Cost.LIVE)


def refusals(values: Mapping[str, Any], machine: Machine, model: ModelFacts | None = None) -> dict[str, Capability]:
    """The knobs whose value cannot be used on this machine with this model, each with its reason and remedy.

    A knob that has no effect beside the others stops nothing.
    """
    checked = {
        name: knob.capability(values[name], machine, model, values) for name, knob in KNOBS.items() if knob.when(values)
    }
    return {name: capability for name, capability in checked.items() if not capability.ok}


__all__ = [
    "KNOBS",
    "OK",
    "Budgets",
    "Choice",
    "Cost",
    "Group",
    "Kind",
    "Knob",
    "Names",
    "Number",
    "Texts",
    "Toggle",
    "TokenIds",
    "cost_of",
    "parse",
    "refusals",
    "written",
]
