"""Which kernels of scaled_dot_product_attention can compute a model's attention here, decided by facts alone.

The rules are torch's own (aten/src/ATen/native/transformers/cuda/sdp_utils.cpp and sdp_utils_cpp.cpp), asked at every
call; forcing a kernel that fails one of them raises "No available kernel".
"""

from collections.abc import Mapping
from typing import Any

from workbench.knobs.conditions import (
    SIXTEEN_BIT,
    HeadDims,
    allow,
    arithmetic,
    dotted,
    gpu_of,
    head_dims,
    on_cuda,
    refuse,
)
from workbench.knobs.knob import OK
from workbench.results import Capability, Gpu, Machine, ModelFacts
from workbench.words import Message, say

_ON_CPU = ("auto", "flash", "math")
# kernel -> lowest and highest compute capability of its CUDA version
_WINDOWS = {"flash": ((8, 0), (12, 1)), "efficient": ((5, 0), (12, 1)), "cudnn": ((8, 0), (12, 1))}
_FLASH_HEAD = 256
_CUDNN_HEAD = 128
_CUDNN_FOR_MLA = 91100  # cuDNN 9.11, on 9.0 and 10.x: query and key 192, value 128
_CUDNN_FOR_256 = 92200  # above it, on 9.0 and 10.x


def sdpa_backend(value: Any, machine: Machine, model: ModelFacts | None, values: Mapping[str, Any]) -> Capability:
    """auto, flash, efficient, cudnn, math."""
    if value == "auto" or values.get("attention", "sdpa") != "sdpa":
        return OK
    if model is not None and not model.supports_sdpa:
        return refuse(
            say("capability.class_without_sdpa", architecture=model.architecture), say("capability.use_eager")
        )
    dims = head_dims(model)
    if not on_cuda(machine, values):
        return _on_cpu(value, dims)
    if machine.torch is not None and machine.torch.hip_runtime is not None:
        return allow(say("capability.note.rocm"))
    if value == "math":
        return allow(say("capability.note.math"))
    gpu = gpu_of(machine, values)
    refusal = _wrong_gpu(value, gpu) or _wrong_format(value, gpu, arithmetic(model, values))
    refusal = refusal or (_wrong_heads(value, machine, gpu, dims, arithmetic(model, values)) if dims else None)
    if refusal is not None:
        return refusal
    return allow(say("capability.note.flash_mask")) if value == "flash" else OK


def _on_cpu(value: Any, dims: HeadDims | None) -> Capability:
    if value not in _ON_CPU:
        return refuse(say("capability.sdpa_cpu", backend=value), _auto())
    if value == "flash" and dims is not None and dims.differ:
        return refuse(say("capability.sdpa_equal_heads", dims=str(dims)), _auto())
    return allow(say("capability.note.math")) if value == "math" else OK


def _wrong_gpu(value: str, gpu: Gpu | None) -> Capability | None:
    lowest, highest = _WINDOWS[value]
    if gpu is None or gpu.capability is None or lowest <= gpu.capability <= highest:
        return None
    return refuse(
        say(
            "capability.sdpa_gpu",
            backend=value,
            gpu=gpu.name,
            has=dotted(gpu.capability),
            lowest=dotted(lowest),
            highest=dotted(highest),
        ),
        _auto(),
    )


def _wrong_format(value: str, gpu: Gpu | None, dtype: str | None) -> Capability | None:
    if value in ("flash", "cudnn") and dtype is not None and dtype not in SIXTEEN_BIT:
        return refuse(say("capability.sdpa_dtype", backend=value, dtype=dtype), say("capability.use_16_bit"))
    old = gpu is not None and gpu.capability is not None and gpu.capability < (8, 0)
    if value == "efficient" and dtype == "bfloat16" and old and gpu is not None:
        return refuse(
            say("capability.no_bf16", gpu=gpu.name, capability=dotted(gpu.capability or (0, 0))),
            say("capability.use_float16"),
        )
    return None


def _wrong_heads(value: str, machine: Machine, gpu: Gpu | None, dims: HeadDims, dtype: str | None) -> Capability | None:
    if value == "flash":
        if dims.differ:
            return refuse(say("capability.sdpa_equal_heads", dims=str(dims)), _auto())
        return _too_large(value, dims, _FLASH_HEAD)
    step = 4 if value == "efficient" and dtype == "float32" else 8
    if dims.query % step or dims.value % step:
        return refuse(say("capability.sdpa_multiple", backend=value, dims=str(dims), step=step), _auto())
    if value == "cudnn":
        return _too_large(value, dims, _cudnn_head(machine, gpu, dims))
    return None


def _cudnn_head(machine: Machine, gpu: Gpu | None, dims: HeadDims) -> int:
    capability = gpu.capability if gpu is not None else None
    version = machine.torch.cudnn if machine.torch is not None else None
    if capability is None or version is None or not (capability == (9, 0) or capability[0] == 10):
        return _CUDNN_HEAD
    if version > _CUDNN_FOR_256:
        return 256
    mla = (dims.query, dims.value) == (192, 128)
    return 192 if mla and version >= _CUDNN_FOR_MLA else _CUDNN_HEAD


def _too_large(value: str, dims: HeadDims, largest: int) -> Capability | None:
    if max(dims.query, dims.value) <= largest:
        return None
    return refuse(say("capability.sdpa_head", backend=value, dims=str(dims), largest=largest), _auto())


def _auto() -> Message:
    return say("capability.use_auto_kernel")
