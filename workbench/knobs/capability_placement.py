"""Whether layers can be placed over devices here: a pure function of facts.

What transformers 5.23 (integrations/accelerate.py) and accelerate 1.15 (utils/modeling.py) do with the words: the GPUs
that torch sees come first, then cpu, then disk, which has no limit. With max_memory given, a place that it leaves out
takes nothing. Without a GPU the four words mean the same: cpu, then disk.
"""

from collections.abc import Mapping
from typing import Any

from workbench.knobs.budgets import budgets_of
from workbench.knobs.conditions import allow, is_divided, refuse, unusable, visible_gpus
from workbench.knobs.formats import FORMATS
from workbench.knobs.knob import OK
from workbench.results import Capability, Machine, ModelFacts
from workbench.words import say
from workbench.words.format import size


def device_map_capability(
    value: Any, machine: Machine, model: ModelFacts | None, values: Mapping[str, Any]
) -> Capability:
    if value == "none":
        return OK
    if machine.packages and (refusal := unusable(machine.package("accelerate"), "accelerate")):
        return refusal
    gpus = visible_gpus(machine)
    files = model.checkpoint_quantization if model is not None else None
    if files not in (None, "none") and not gpus:
        return refuse(say("capability.offload_quantized"), say("capability.place_nothing"))
    if not gpus:
        return allow(say("capability.note.placed_cpu"))
    if is_divided(gpus):
        return allow(say("capability.note.placed_mig", gpu=gpus[0].name))
    if len(gpus) == 1:
        return allow(say("capability.note.placed_one", gpu=gpus[0].name))
    if files not in (None, "none") or str(values["quantization"]) in FORMATS:
        return allow(say("capability.note.placed_quantized", count=len(gpus)))
    return allow(say("capability.note.placed_several", count=len(gpus)))


def max_memory_capability(
    value: Any, machine: Machine, model: ModelFacts | None, _values: Mapping[str, Any]
) -> Capability:
    budgets = budgets_of(value)
    if budgets is None:
        return OK
    gpus = visible_gpus(machine)
    for place, budget in budgets.items():
        if isinstance(place, str):
            has = machine.cpu.memory_bytes
        elif not gpus:
            return refuse(say("capability.no_gpu"), say("capability.budget_cpu"))
        elif place >= len(gpus):
            reason = say("capability.no_such_gpu", index=place, count=len(gpus))
            return refuse(reason, say("capability.use_gpu_below", largest=len(gpus) - 1))
        else:
            has = gpus[place].memory_bytes
        if budget > has:
            reason = say("capability.budget_above", place=place, asked=size(budget), has=size(has))
            return refuse(reason, say("capability.budget_up_to", has=size(has)))
    needed = model.weight_bytes if model is not None else None
    room = sum(budgets.values())
    if needed is not None and needed > room:
        return allow(say("capability.note.budget_small", room=size(room), needed=size(needed)))
    return OK if "cpu" in budgets else allow(say("capability.note.budget_no_cpu"))
