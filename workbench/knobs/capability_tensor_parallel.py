"""Whether a model can be cut over ranks here: a pure function of facts.

What transformers 5.23 does (distributed/tensor_parallel.py, distributed/utils.py): the accelerator of the machine is
taken where there is one, whatever was asked; rank r computes on GPU r; linear layers need not divide evenly, but the
attention reshapes its part into whole heads, and the experts' packed gate and up are cut evenly.
"""

from collections.abc import Mapping
from typing import Any

from workbench.knobs.conditions import allow, is_divided, refuse, visible_gpus
from workbench.knobs.knob import OK
from workbench.results import Capability, Machine, ModelFacts
from workbench.words import Message, say

_HEADS = ("q_proj", "q_b_proj", "kv_b_proj", "qkv_proj")
_KV_HEADS = ("k_proj", "v_proj", "qkv_proj")


def tp_plan_capability(value: Any, machine: Machine, model: ModelFacts | None, values: Mapping[str, Any]) -> Capability:
    if value == "none":
        return OK
    if not machine.platform.startswith("Linux"):
        return refuse(say("capability.ranks_linux", platform=machine.platform), say("capability.no_ranks"))
    gpus = visible_gpus(machine)
    if gpus and values["device"] == "cpu":
        return refuse(say("capability.ranks_take_gpus", gpu=gpus[0].name), say("capability.choose_cuda"))
    if model is not None and not model.tp_plan:
        return refuse(say("capability.no_plan", architecture=model.architecture), say("capability.use_device_map"))
    if model is not None and model.checkpoint_quantization not in (None, "none"):
        return refuse(say("capability.ranks_quantized"), say("capability.no_ranks"))
    return OK


def tp_size_capability(
    value: Any, machine: Machine, model: ModelFacts | None, _values: Mapping[str, Any]
) -> Capability:
    gpus = visible_gpus(machine)
    if is_divided(gpus):
        return refuse(say("capability.ranks_mig", gpu=gpus[0].name), say("capability.no_ranks"))
    if gpus and value > len(gpus):
        reason = say("capability.ranks_above_gpus", ranks=value, count=len(gpus))
        return refuse(reason, say("capability.use_device_map" if len(gpus) == 1 else "capability.fewer_ranks"))
    if not gpus and value > machine.cpu.logical_cores:
        reason = say("capability.ranks_above_cores", ranks=value, cores=machine.cpu.logical_cores)
        return refuse(reason, say("capability.fewer_ranks"))
    if model is not None and (uneven := indivisible(model.config, model.tp_plan, value)):
        return refuse(uneven, say("capability.ranks_that_divide"))
    return OK if gpus else allow(say("capability.note.ranks_cpu"))


def indivisible(config: Mapping[str, Any], plan: Mapping[str, str], ranks: int) -> Message | None:
    """Why parts would not be whole: a number of transformers' `config` that `plan` cuts and `ranks` does not divide."""
    cut = {name.rpartition(".")[2]: style for name, style in plan.items()}
    heads = config.get("num_attention_heads")
    kv_heads = config.get("num_key_value_heads") or heads
    numbers = []
    if any(cut.get(name) == "colwise" for name in _HEADS):
        numbers.append(("num_attention_heads", heads))
    if any(cut.get(name) == "colwise" for name in _KV_HEADS):
        numbers.append(("num_key_value_heads", kv_heads))
    if "packed_colwise" in cut.values():
        numbers.append(("moe_intermediate_size", config.get("moe_intermediate_size")))
    for name, number in numbers:
        if number and number % ranks:
            return say("capability.ranks_do_not_divide", ranks=ranks, name=name, number=number)
    return None
