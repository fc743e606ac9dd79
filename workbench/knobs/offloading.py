"""Which part of the model waits outside the device."""

from collections.abc import Mapping
from typing import Any

from workbench.knobs.conditions import allow, on_cuda, refuse, unusable
from workbench.knobs.kinds import Number
from workbench.knobs.knob import OK, Cost, Group, Knob
from workbench.results import Capability, Machine, ModelFacts
from workbench.words import say


def _conflict(values: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    if not values["offloaded_layers"]:
        return None
    for knob, allowed in (("compile", ("off",)), ("quantization", ("none", "auto"))):
        if values[knob] not in allowed:
            return "config.offload_beside", {"knob": knob, "value": values[knob], "needed": allowed[0]}
    return None


def _capability(value: Any, machine: Machine, model: ModelFacts | None, values: Mapping[str, Any]) -> Capability:
    if not value:
        return OK
    if model is not None and value > model.layers:
        return refuse(
            say("capability.too_many_layers", layers=model.layers), say("capability.layers_up_to", layers=model.layers)
        )
    if model is not None and model.checkpoint_quantization not in (None, "none"):
        return refuse(say("capability.offload_quantized"), say("capability.keep_all_layers"))
    if machine.packages and (refusal := unusable(machine.package("accelerate"), "accelerate")):
        return refusal
    return allow(say("capability.note.offload_cpu" if on_cuda(machine, values) else "capability.note.offload_disk"))


KNOBS = (
    Knob(
        name="offloaded_layers",
        label="Layers kept away",
        help="The last so many layers wait in the computer's memory (beside a GPU) or on disk (beside a CPU), and come "
        "for each pass. Makes room, costs time.",
        group=Group.MACHINE,
        kind=Number(0, 1000, 1, integer=True),
        default=0,
        cost=Cost.RELOAD,
        unit="layers",
        conflict=_conflict,
        capability=_capability,
    ),
)
