"""Whether a number format of the arithmetic can be used here, decided by facts alone."""

from collections.abc import Mapping
from typing import Any

from workbench.knobs.conditions import allow, arithmetic, gpu_of, needs_cuda, older_gpu, on_cuda
from workbench.knobs.knob import OK
from workbench.results import Capability, Machine, ModelFacts
from workbench.words import say

_AMPERE = (8, 0)
# processor features that multiply the format natively
_NATIVE = {"bfloat16": {"amx_bf16", "avx512_bf16", "bf16"}, "float16": {"amx_fp16", "avx512_fp16", "fp16"}}
# those that have fast products in it: oneDNN has its own for bfloat16 wherever there is AVX-512
_FAST = {"bfloat16": {*_NATIVE["bfloat16"], "avx512f"}, "float16": _NATIVE["float16"]}


def tf32(value: Any, machine: Machine, model: ModelFacts | None, values: Mapping[str, Any]) -> Capability:
    """float32 products on tensor cores, which have TF32 since Ampere."""
    if not value:
        return OK
    refusal = needs_cuda(machine, values) or older_gpu(
        gpu_of(machine, values), _AMPERE, say("capability.tf32_off")
    )  # fmt: skip
    if refusal is not None:
        return refusal
    dtype = arithmetic(model, values)
    return OK if dtype in (None, "float32") else allow(say("capability.note.tf32_idle", dtype=dtype))


def sixteen_bit_cost(dtype: Any, machine: Machine, values: Mapping[str, Any]) -> Capability:
    """Products in 16 bits on a processor without them: possible, and slow."""
    if dtype not in _FAST or on_cuda(machine, values) or _FAST[dtype] & set(machine.cpu.features):
        return OK
    return allow(say(f"capability.note.cpu_{dtype}"))


def cudnn_benchmark(value: Any, machine: Machine, _model: ModelFacts | None, values: Mapping[str, Any]) -> Capability:
    """cuDNN's trial of convolutions."""
    if not value:
        return OK
    return needs_cuda(machine, values) or allow(say("capability.note.no_convolutions"))


def autocast(value: Any, machine: Machine, model: ModelFacts | None, values: Mapping[str, Any]) -> Capability:
    """off, bfloat16, float16 around every call."""
    if value == "off":
        return OK
    if arithmetic(model, {**values, "autocast": "off"}) == value:
        return allow(say("capability.note.autocast_idle", dtype=value))
    if on_cuda(machine, values):
        refusal = older_gpu(gpu_of(machine, values), _AMPERE, say("capability.use_float16"))
        return refusal if refusal is not None and value == "bfloat16" else OK
    if not _NATIVE[value] & set(machine.cpu.features):
        return allow(say("capability.note.cpu_converts", dtype=value))
    return OK
