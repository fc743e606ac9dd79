"""Where a script puts its model: the values of the knobs device, device_map and max_memory."""

from typing import Any

from workbench.pasted.calls import entries_of
from workbench.pasted.expressions import EITHER
from workbench.pasted.facts import Facts, Found
from workbench.pasted.rule import methods
from workbench.pasted.values import Call, Given, Part, Unknown, known, or_unknown

_SPREAD = ("auto", "balanced", "balanced_low_0", "sequential")


def device(facts: Facts) -> Found:
    yield from _placement(facts)
    for name in ("device_map", "device"):
        if (given := facts.loaded_with(name)) and given.value is not None:
            yield "device", _place(given.value, given)
    for call in methods(facts, "to", "cuda", "cpu"):
        if call not in facts.of("method"):
            continue
        if call.name in ("cuda", "cpu"):
            number = call.values[0] if call.values and isinstance(call.values[0], int) else None
            yield "device", call.name if number is None else f"cuda:{number}"
        else:
            for value in (*call.values, *(each.value for each in call.given.values() if each.name == "device")):
                if (
                    value is EITHER
                    or isinstance(value, str | Unknown)
                    or (isinstance(value, Part) and "device" in value.name)
                ):
                    yield "device", "auto" if isinstance(value, Part) else _place(value, None, call)


def _placement(facts: Facts) -> Found:
    """Without budgets a spread is what the knob `device` means by auto, as long as one device holds the model."""
    given, budgets = facts.loaded_with("device_map"), facts.loaded_with("max_memory")
    if given is None or given.value not in _SPREAD or budgets is None or budgets.value is None:
        return
    yield "device", "auto"
    yield "device_map", given.value
    entries = {place: each.value for place, each in entries_of(budgets.value).items()}
    yield "max_memory", entries if entries and known(list(entries.values())) else or_unknown(budgets)


def _place(value: Any, given: Given | None, call: Call | None = None) -> Any:
    if value is EITHER or value in _SPREAD:
        return "auto"
    entries = entries_of(value)
    if len(entries) == 1 and "" in entries:
        value = entries[""].value
    if isinstance(value, int) and not isinstance(value, bool):
        return "cpu" if value < 0 else f"cuda:{value}"
    if isinstance(value, str):
        return value
    if isinstance(value, Unknown):
        return value
    return Unknown(given.words.lineno if given else call.line if call else 1)
