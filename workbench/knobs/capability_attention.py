"""Whether an attention implementation and a mask can be used here, decided by facts alone.

Sources: transformers 5.17 and 5.23, `PreTrainedModel._check_and_adjust_attn_implementation`,
`_flash_attn_can_dispatch`, `_sdpa_can_dispatch`, `_flex_attn_can_dispatch`, and `modeling_flash_attention_utils`;
torch's `_inductor.kernel.flex.flex_cpu.check_cpu_supported`.
"""

from collections.abc import Mapping
from typing import Any

from workbench.knobs.capability_compile import inductor
from workbench.knobs.conditions import (
    SIXTEEN_BIT,
    allow,
    arithmetic,
    head_dims,
    is_macos,
    needs_cuda,
    on_cuda,
    refuse,
    unusable,
)
from workbench.knobs.knob import OK
from workbench.results import Capability, Machine, ModelFacts
from workbench.words import say

# implementation -> the distribution it needs, and the hub kernel that transformers takes in its place
_FLASH = {
    "flash_attention_2": ("flash-attn", "kernels-community/flash-attn2"),
    "flash_attention_3": ("flash-attn-3", "kernels-community/vllm-flash-attn3"),
    "flash_attention_4": ("flash-attn-4", "kernels-community/flash-attn4"),
}
_TRUSTED_HUB = "kernels-community/"  # transformers loads kernels of other owners only with allow_all_kernels
_LARGEST_HEAD = 256  # flash-attn 2 and 3: csrc/flash_attn/flash_api.cpp, hopper/flash_api.cpp
_FA4_SURE_HEAD = 128


def attention(value: Any, machine: Machine, model: ModelFacts | None, values: Mapping[str, Any]) -> Capability:
    """eager, sdpa, flex_attention, flash_attention_2 to _4, owner/name of a hub kernel, and whatever is registered."""
    if value == "eager":
        return OK
    if value == "sdpa":
        return _class_refuses(model, "sdpa") or OK
    if value == "flex_attention":
        return _class_refuses(model, "flex") or _flex(machine, values)
    if value in _FLASH:
        return _class_refuses(model, "flash") or _flash(value, machine, model, values)
    if "/" in str(value):
        return _class_refuses(model, "flash") or _hub_kernel(value, machine, values)
    if str(value).startswith("paged|"):
        return refuse(say("capability.paged"), say("capability.use_unpaged", value=str(value).partition("|")[2]))
    registered = machine.torch.attention_implementations if machine.torch is not None else ()
    if registered and value not in registered:
        return refuse(
            say("capability.not_registered", value=value, known=", ".join(registered)), say("capability.use_sdpa")
        )
    return OK


def attention_mask(value: Any, _machine: Machine, _model: ModelFacts | None, _values: Mapping[str, Any]) -> Capability:
    """tokenizer, ones, none: always possible, not always right."""
    return OK if value == "tokenizer" else allow(say(f"capability.note.mask_{value}"))


def _class_refuses(model: ModelFacts | None, way: str) -> Capability | None:
    """The model's class says which ways it was written for (`_supports_sdpa`, `_supports_flash_attn`, …)."""
    if model is None or getattr(model, f"supports_{way}"):
        return None
    return refuse(
        say(f"capability.class_without_{way}", architecture=model.architecture),
        say("capability.use_sdpa") if model.supports_sdpa else say("capability.use_eager"),
    )


def _flex(machine: Machine, values: Mapping[str, Any]) -> Capability:
    if not on_cuda(machine, values) and (is_macos(machine) or not _avx2(machine)):
        return refuse(say("capability.flex_cpu"), say("capability.use_sdpa"))
    note = "capability.note.flex_cuda" if on_cuda(machine, values) else "capability.note.flex_cpu"
    return inductor(machine, values, say("capability.use_sdpa")) or allow(say(note))


def _avx2(machine: Machine) -> bool:
    """True where the processor's features are not known."""
    return not machine.cpu.features or any(name.startswith(("avx2", "avx512")) for name in machine.cpu.features)


def _flash(value: str, machine: Machine, model: ModelFacts | None, values: Mapping[str, Any]) -> Capability:
    refusal = needs_cuda(machine, values) or _number_format(model, values) or _head_dims(value, model)
    if refusal is not None:
        return refusal
    distribution, hub_kernel = _FLASH[value]
    refusal = unusable(machine.package(distribution), distribution)
    if refusal is None:
        return allow(_reservation(value, model))
    kernels = machine.package("kernels")
    if _seen_missing(refusal) and kernels is not None and kernels.usable:
        return allow(say("capability.note.kernel_instead", kernel=hub_kernel, distribution=distribution))
    return refusal


def _seen_missing(refusal: Capability) -> bool:
    """Whether transformers does not find the package and so looks for a kernel of the hub."""
    return refusal.reason is not None and refusal.reason.code in (
        "machine.package.missing",
        "machine.package.look_alike",
    )


def _number_format(model: ModelFacts | None, values: Mapping[str, Any]) -> Capability | None:
    dtype = arithmetic(model, values)
    if dtype is None or dtype in SIXTEEN_BIT:
        return None
    return refuse(say("capability.flash_dtype", dtype=dtype), say("capability.use_16_bit"))


def _head_dims(value: str, model: ModelFacts | None) -> Capability | None:
    dims = head_dims(model)
    if dims is None or max(dims.query, dims.value) <= _LARGEST_HEAD:
        return None
    return refuse(
        say("capability.flash_head", implementation=value, dims=str(dims), largest=_LARGEST_HEAD),
        say("capability.use_sdpa"),
    )


def _reservation(value: str, model: ModelFacts | None) -> Any:
    dims = head_dims(model)
    if dims is None:
        return None
    if value == "flash_attention_4" and dims.query > _FA4_SURE_HEAD:
        return say("capability.note.fa4_head", dims=str(dims))
    if dims.differ:
        return say("capability.note.pads_value", value=dims.value, query=dims.query)
    return None


def _hub_kernel(value: str, machine: Machine, values: Mapping[str, Any]) -> Capability:
    refusal = needs_cuda(machine, values)
    if refusal is not None:
        return refusal
    if not value.startswith(_TRUSTED_HUB):
        return refuse(say("capability.hub_owner", kernel=value), say("capability.use_trusted_hub"))
    return unusable(machine.package("kernels"), "kernels") or allow(say("capability.note.hub_download", kernel=value))
