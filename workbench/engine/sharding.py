"""Tensor parallelism of transformers in one rank: what it is told at a load, and what of the model it then holds.

A parameter that is cut is a DTensor: its shape is the whole matrix's, its own part is what lies in this process.
"""

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import torch

from workbench.config import Config
from workbench.errors import CapabilityError
from workbench.knobs.capability_tensor_parallel import indivisible
from workbench.words import Message, say

_PATIENCE = timedelta(hours=2)  # ranks read their files at different speeds; a rank that died is noticed at once


def local_rank() -> int:
    """This process's place among the ranks of its machine: the number of its GPU; 0 where there is but one."""
    return int(os.environ.get("LOCAL_RANK", "0")) if world() > 1 else 0


def world() -> int:
    """Ranks that this process was started as one of."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def join(store: str) -> None:
    """Meets the other ranks by the file `store`, which no other user can read; returns when all are there."""
    from torch import distributed

    rank, on_gpu = int(os.environ["RANK"]), torch.cuda.is_available()
    device = torch.device("cuda", local_rank()) if on_gpu else None
    if device is not None:
        torch.cuda.set_device(device)
    distributed.init_process_group(
        "nccl" if on_gpu else "gloo",
        init_method=f"file://{store}",
        rank=rank,
        world_size=world(),
        timeout=_PATIENCE,
        device_id=device,
    )


def refuse(described: Mapping[str, Any], config: Config, *, gguf: bool = False) -> None:
    """CapabilityError for what the files (transformers' config, as a mapping) say cannot be spread as `config` asks."""
    if gguf and (config.tp_plan != "none" or config.device_map != "none"):
        raise CapabilityError("placement.gguf", knob="tp_plan" if config.tp_plan != "none" else "device_map")
    if config.tp_plan == "none":
        return
    if world() != config.tp_size:
        raise CapabilityError("placement.not_a_rank", ranks=config.tp_size, world=world())
    styles = plan_of(str(described.get("model_type")))
    if not styles:
        raise _refused("tp_plan", config, say("capability.no_plan", architecture=described.get("model_type", "?")))
    if reason := indivisible(described, styles, config.tp_size):
        raise _refused("tp_size", config, reason)


def _refused(knob: str, config: Config, reason: Message) -> CapabilityError:
    remedy = str(say("capability.use_device_map" if knob == "tp_plan" else "capability.ranks_that_divide"))
    return CapabilityError("config.refused", knob=knob, value=config[knob], reason=str(reason), remedy=remedy)


def plan_of(model_type: str) -> dict[str, str]:
    """module or parameter -> style, of the layers of a kind of model; empty where transformers has none for it."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    known = model_type in CONFIG_MAPPING  # a lazy mapping: `get` would import every class that it names
    kind = CONFIG_MAPPING[model_type] if known else None
    return dict(getattr(kind, "base_model_tp_plan", None) or {})


def arguments(config: Config) -> dict[str, Any]:
    """Of `from_pretrained`."""
    from transformers.distributed import DistributedConfig

    return {"distributed_config": DistributedConfig(tp_plan="auto", tp_size=config.tp_size)}


def cut(model: Any, config: Config, device: torch.device) -> Any:
    """A whole model in memory as this rank's part of it, on `device`: every rank must have made the same one."""
    from torch.distributed.tensor import DTensor

    kind, asked = type(model), arguments(config)["distributed_config"]
    distributed, _device_map, meshes = kind.prepare_distribute_model(asked)
    made = kind.maybe_distribute_model(model, distributed, meshes)
    made.tie_weights(recompute_mapping=False)
    for module in made.modules():
        for name, parameter in module._parameters.items():
            if isinstance(parameter, DTensor):  # its part is a view that would keep the whole
                own = parameter.to_local().detach().clone().to(device)
                part = DTensor.from_local(
                    own,
                    parameter.device_mesh,
                    parameter.placements,
                    run_check=False,
                    shape=parameter.shape,
                    stride=parameter.stride(),
                )
                module._parameters[name] = torch.nn.Parameter(part, requires_grad=False)
            elif parameter is not None:
                parameter.data = parameter.data.to(device)
        for name, buffer in module._buffers.items():
            module._buffers[name] = None if buffer is None else buffer.to(device)
    return made.eval()


def own_part(tensor: torch.Tensor) -> torch.Tensor:
    """What of `tensor` lies in this process."""
    local = getattr(tensor, "to_local", None)
    return local() if local is not None else tensor


def ranks(model: Any) -> int:
    """Read back: how many ranks share the matrices of `model`."""
    return int(getattr(model, "_tp_size", None) or 1)


def plan(model: Any) -> dict[str, str]:
    """Of the model's class: module or parameter of its base model -> style."""
    return dict(getattr(model.config.get_text_config(), "base_model_tp_plan", None) or {})
