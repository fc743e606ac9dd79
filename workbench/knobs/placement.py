"""Which module goes to which device, when the libraries place them: device_map and max_memory of transformers."""

from collections.abc import Mapping
from typing import Any

from workbench.knobs.budgets import Budgets
from workbench.knobs.capability_placement import device_map_capability, max_memory_capability
from workbench.knobs.kinds import Choice
from workbench.knobs.knob import Cost, Group, Knob

# of the formats, those that transformers quantises while it reads, module by module, wherever that goes
_PLACED = ("none", "auto", "bnb-int8", "bnb-nf4", "bnb-fp4")


def _conflict(values: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    if values["device_map"] == "none":
        return None
    wanted: tuple[tuple[str, tuple[Any, ...]], ...] = (
        ("device", ("auto",)),
        ("offloaded_layers", (0,)),
        ("compile", ("off",)),
        ("quantization", _PLACED),
        ("quantize_head", (False,)),
    )
    for knob, allowed in wanted:
        if values[knob] not in allowed:
            return "config.placed_beside", {"knob": knob, "value": values[knob], "needed": allowed[0]}
    return None


def placed(values: Mapping[str, Any]) -> bool:
    """Whether the libraries choose the devices."""
    return bool(values["device_map"] != "none")


KNOBS = (
    Knob(
        name="device_map",
        label="Device map",
        help="Who places the layers. none: all on the device. auto and balanced: evenly over the GPUs; balanced_low_0: "
        "little on the first; sequential: one GPU after the other. What finds no room waits in memory, then on disk.",
        group=Group.MACHINE,
        kind=Choice(("none", "auto", "balanced", "balanced_low_0", "sequential")),
        default="none",
        cost=Cost.RELOAD,
        conflict=_conflict,
        capability=device_map_capability,
    ),
    Knob(
        name="max_memory",
        label="Memory by device",
        help="How much of each GPU and of the computer's memory the layers may take, for example 0=20GiB,cpu=64GiB. A "
        "place that is not named gets none. auto: what is free.",
        group=Group.MACHINE,
        kind=Budgets(words=("auto",)),
        default="auto",
        cost=Cost.RELOAD,
        when=placed,
        capability=max_memory_capability,
    ),
)
