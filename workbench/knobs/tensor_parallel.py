"""Tensor parallelism of transformers: each layer's matrices shared out over ranks, one process each."""

from collections.abc import Mapping
from typing import Any

from workbench.knobs.capability_tensor_parallel import tp_plan_capability, tp_size_capability
from workbench.knobs.kinds import Choice, Number
from workbench.knobs.knob import Cost, Group, Knob

MOST_RANKS = 64
# one process a rank: what torch.distributed and transformers read of the place of the first, which a session talks to
_FIRST = {"RANK": "0", "LOCAL_RANK": "0", "GLOO_SOCKET_IFNAME": "lo"}


def _conflict(values: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    if values["tp_plan"] == "none":
        return None
    wanted: tuple[tuple[str, tuple[Any, ...]], ...] = (
        ("device", ("auto", "cpu", "cuda")),
        ("device_map", ("none",)),
        ("offloaded_layers", (0,)),
        ("compile", ("off",)),
        ("quantization", ("none", "auto")),
        ("cache", ("dynamic", "static")),
        ("speculation", ("off",)),
    )
    for knob, allowed in wanted:
        if values[knob] not in allowed:
            return "config.sharded_beside", {"knob": knob, "value": values[knob], "needed": allowed[0]}
    return None


def sharded(values: Mapping[str, Any]) -> bool:
    """Whether several processes hold a part of each layer."""
    return bool(values["tp_plan"] != "none")


def ranks_of(values: Mapping[str, Any]) -> int:
    """Processes that hold the model."""
    return int(values["tp_size"]) if sharded(values) else 1


def rank_environment(values: Mapping[str, Any]) -> dict[str, str]:
    """What the first rank's process needs in its environment; empty where there is but one."""
    return {**_FIRST, "WORLD_SIZE": str(ranks_of(values))} if sharded(values) else {}


KNOBS = (
    Knob(
        name="tp_plan",
        label="Tensor parallel",
        help="auto: every layer's matrices are cut over several GPUs by the model class's own plan, one process each; "
        "the parts are summed twice a layer, in every step.",
        group=Group.MACHINE,
        kind=Choice(("none", "auto")),
        default="none",
        cost=Cost.RESTART,
        conflict=_conflict,
        capability=tp_plan_capability,
    ),
    Knob(
        name="tp_size",
        label="Ranks",
        help="Over how many GPUs, or processes on a CPU. The attention heads must be divisible by it.",
        group=Group.MACHINE,
        kind=Number(2, MOST_RANKS, 1, integer=True),
        default=2,
        cost=Cost.RESTART,
        when=sharded,
        capability=tp_size_capability,
    ),
)
