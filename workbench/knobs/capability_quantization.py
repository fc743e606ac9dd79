"""Whether a quantisation can be used on this machine with this model, decided by facts alone.

What the libraries' kernels refuse layer by layer stays in full and is a note here; `workbench.engine.quantizing` does
the same to the real modules. Sources, as read in the installed packages:
  transformers 5.23  quantizers/*.py (packages, devices, FP8 below 8.9), integrations/finegrained_fp8.py (its kernels)
  bitsandbytes 0.50  METADATA (platforms), functional.py `_convert_weight_packed_for_cpu` (AVX512-BF16), nn/modules.py
  torchao 0.18       prototype/quantization/int4 (groups, CPU), int4_tile_packed_to_4d_tensor.py (bfloat16, 8.0)
  quanto 0.2.7       library/extensions (a C++ extension at first use), nn/qmodule.py (groups)
  hqq 0.2.8          core/quantize.py (groups)
"""

from collections.abc import Mapping
from typing import Any

from workbench.knobs.capability_precision import sixteen_bit_cost
from workbench.knobs.conditions import (
    allow,
    gpu_of,
    has_cxx,
    is_macos,
    is_windows,
    older_gpu,
    on_cuda,
    refuse,
    unusable,
)
from workbench.knobs.formats import DEQUANTIZED, FORMATS
from workbench.knobs.knob import OK
from workbench.knobs.linears import layout
from workbench.knobs.quantized_layers import Split, split
from workbench.results import Capability, Machine, ModelFacts
from workbench.words import say

_FP8 = (8, 9)
_AMPERE = (8, 0)
_PASCAL = (6, 0)
_INT4_GROUPS = {"cpu": (32, 64, 128), "cuda": (32, 64, 128, 256)}
_AVX = ("avx2", "avx512f", "avx512_bf16")


def quantization(value: Any, machine: Machine, model: ModelFacts | None, values: Mapping[str, Any]) -> Capability:
    """auto, none, and every entry of FORMATS."""
    files = model.checkpoint_quantization if model is not None else None
    if value == "auto":
        return _as_files(files, machine, values)
    if value == "none":
        return _in_full(files)
    if files is not None and files != value:
        return refuse(say("capability.files_quantized", files=files), say("capability.quantization_auto"))
    if files is not None:
        return _as_files(files, machine, values)
    if value == "fp8":
        return _fp8_here(machine, model, values)
    refusal = unusable(machine.package(FORMATS[value].package), FORMATS[value].package)
    refusal = refusal or _library(value, machine, model, values)
    return refusal or _allowed(value, machine, model, values)


def compute_dtype(value: Any, machine: Machine, model: ModelFacts | None, values: Mapping[str, Any]) -> Capability:
    """auto, float32, bfloat16, float16: what 4-bit weights are multiplied in."""
    if value == "auto":
        return OK
    chosen = str(values["quantization"])
    if chosen.startswith("hqq"):
        dtype = _dtype(model, values)
        if dtype in (None, value):
            return OK
        return refuse(say("capability.hqq_compute", dtype=dtype), say("capability.compute_auto"))
    if on_cuda(machine, values):
        refusal = older_gpu(gpu_of(machine, values), _AMPERE, say("capability.use_float16"))
        return refusal if refusal is not None and value == "bfloat16" else OK
    if chosen.startswith("bnb") and repacks(machine):
        return OK if value == "bfloat16" else allow(say("capability.note.bnb_bfloat16"))
    return sixteen_bit_cost(value, machine, values)


def double_quant(value: Any, machine: Machine, _model: ModelFacts | None, values: Mapping[str, Any]) -> Capability:
    """True, False."""
    if value and not on_cuda(machine, values) and repacks(machine):
        return allow(say("capability.note.double_quant_undone"))
    return OK


def group_size(value: Any, machine: Machine, model: ModelFacts | None, values: Mapping[str, Any]) -> Capability:
    """auto, or how many weights share a scale."""
    chosen = FORMATS.get(str(values["quantization"]))
    if chosen is None or not chosen.grouped or (value == "auto" and model is None):
        return OK
    if chosen.calibrated:
        return OK if value == "auto" else allow(say("capability.note.group_of_copy"))
    size = int((chosen.group or 0) if value == "auto" else value)
    sizes = _INT4_GROUPS["cuda" if on_cuda(machine, values) else "cpu"]
    if chosen.package == "torchao" and size not in sizes:
        return refuse(
            say("capability.int4_group", sizes=", ".join(map(str, sizes))), say("capability.group_of", size=sizes[1])
        )
    left = _split({**values, "group_size": value}, machine, model)
    if left is None or not left.undivided:
        return OK
    if not left.quantized or chosen.package == "hqq":
        return refuse(
            say("capability.group_divides", size=size, columns=left.undivided[0]), say("capability.group_of", size=32)
        )
    columns = ", ".join(map(str, left.undivided))
    return allow(
        say("capability.note.group_skips", size=size, columns=columns, percent=round(100 * left.undivided_share))
    )


def quantize_head(value: Any, _machine: Machine, model: ModelFacts | None, _values: Mapping[str, Any]) -> Capability:
    """True, False."""
    if not value or model is None:
        return OK
    if model.checkpoint_quantization is not None:
        return refuse(say("capability.head_of_files"), say("capability.head_in_full"))
    known = layout(model.config)
    if known is None or not model.config.get("tie_word_embeddings"):
        return OK
    return allow(say("capability.note.head_copy", percent=round(100 * known.tables_share)))


def repacks(machine: Machine) -> bool:
    """Whether bitsandbytes repacks 4-bit weights on this CPU at the first forward."""
    return "avx512_bf16" in machine.cpu.features


def _as_files(files: str | None, machine: Machine, values: Mapping[str, Any]) -> Capability:
    if files is None:
        return OK
    if files == "fp8":
        card = gpu_of(machine, values)
        if card is None or older_gpu(card, _FP8, say("capability.quantization_none")) is not None:
            return allow(say("capability.note.fp8_undone"))
        return _fp8_kernels(machine)
    if files not in FORMATS:
        return OK  # a method that has no value here: transformers says what it needs
    chosen = FORMATS[files]
    return unusable(machine.package(chosen.package), chosen.package) or _beside(files, machine) or OK


def _in_full(files: str | None) -> Capability:
    if files is None:
        return OK
    if files in DEQUANTIZED:
        return allow(say("capability.note.dequantized", files=files))
    return refuse(say("capability.not_in_full", files=files), say("capability.quantization_auto"))


def _fp8_here(machine: Machine, model: ModelFacts | None, values: Mapping[str, Any]) -> Capability:
    """Files in full, quantised to FP8 while they are loaded: on newer GPUs only; older ones load them in full."""
    card = gpu_of(machine, values)
    if card is None:
        return refuse(say("capability.fp8_needs_gpu"), say("capability.use_8_bit"))
    refusal = older_gpu(card, _FP8, say("capability.use_8_bit"))
    if refusal is not None:
        return refusal
    kernels = _fp8_kernels(machine)
    return kernels if not kernels.ok else _allowed("fp8", machine, model, values)


def _fp8_kernels(machine: Machine) -> Capability:
    """transformers multiplies FP8 with kernels of the hub, fetched by the package `kernels` in the first forward."""
    kernels = machine.package("kernels")
    if kernels is not None and kernels.usable is False:
        return refuse(
            say("capability.fp8_kernels", problem=str(kernels.reason)), kernels.remedy or say("capability.run_doctor")
        )
    return allow(say("capability.note.hub_download", kernel="kernels-community/finegrained-fp8"))


def _library(value: str, machine: Machine, model: ModelFacts | None, values: Mapping[str, Any]) -> Capability | None:
    """What the library refuses on this device, or with these weights."""
    package = FORMATS[value].package
    if package == "bitsandbytes":
        return _bitsandbytes(machine, values)
    if value == "torchao-int4-weight":
        return _torchao_int4(machine, model, values)
    if value == "quanto-int4" and not (has_cxx(machine) and _has(machine, "ninja")):
        return refuse(say("machine.package.quanto_needs_compiler"), say("machine.package.install_compiler"))
    if value == "quanto-int4" and on_cuda(machine, values) and not _has(machine, "nvcc"):
        return refuse(say("capability.quanto_nvcc"), say("capability.use_4_bit"))
    return _beside(value, machine)


def _bitsandbytes(machine: Machine, values: Mapping[str, Any]) -> Capability | None:
    if on_cuda(machine, values):
        return older_gpu(gpu_of(machine, values), _PASCAL, say("capability.use_torchao"))
    known = machine.cpu.features and not is_macos(machine) and "arm64" not in machine.platform
    if known and "aarch64" not in machine.platform and not any(name in machine.cpu.features for name in _AVX):
        return refuse(say("capability.bnb_avx2"), say("capability.use_torchao"))
    return None


def _torchao_int4(machine: Machine, model: ModelFacts | None, values: Mapping[str, Any]) -> Capability | None:
    if on_cuda(machine, values):
        refusal = older_gpu(gpu_of(machine, values), _AMPERE, say("capability.use_4_bit"))
        if refusal is not None:
            return refusal
    elif machine.cpu.features and not any(name in machine.cpu.features for name in _AVX):
        return refuse(say("capability.int4_avx2"), say("capability.use_4_bit"))
    dtype = _dtype(model, values)
    if dtype in (None, "bfloat16"):
        return None
    return refuse(say("capability.int4_bfloat16", dtype=dtype), say("capability.dtype_bfloat16"))


def _beside(value: str, machine: Machine) -> Capability | None:
    """The second package of a format, where it has one that the doctor looked for."""
    found = [(name, package) for name in FORMATS[value].beside if (package := machine.package(name)) is not None]
    return next(filter(None, (unusable(package, name) for name, package in found)), None)


def _allowed(value: str, machine: Machine, model: ModelFacts | None, values: Mapping[str, Any]) -> Capability:
    """It can be used: the one thing to know beforehand, the gravest first."""
    left = _split({**values, "quantization": value}, machine, model)
    if FORMATS[value].calibrated:
        return allow(say("capability.note.needs_copy", method=value))
    if left is not None and left.experts_share:
        package = FORMATS[value].package
        return allow(say("capability.note.experts_left", package=package, percent=round(100 * left.experts_share)))
    if left is not None and left.refused:
        return allow(say("capability.note.layers_left", count=len(left.refused), example=left.refused[0]))
    if value == "torchao-float8" and not on_cuda(machine, values):
        return allow(say("capability.note.float8_cpu"))
    if value == "quanto-int4":
        return allow(say("capability.note.quanto_builds"))
    if is_windows(machine) and FORMATS[value].package == "hqq":
        return allow(say("capability.note.untried", system="Windows"))
    return OK


def _split(values: Mapping[str, Any], machine: Machine, model: ModelFacts | None) -> Split | None:
    known = layout(model.config) if model is not None else None
    if known is None:
        return None
    return split(known, values, repacks=repacks(machine) and not on_cuda(machine, values))


def _dtype(model: ModelFacts | None, values: Mapping[str, Any]) -> str | None:
    """Of the weights that stay in full; None where it is not known."""
    dtype = values.get("dtype", "auto")
    if dtype == "auto":
        dtype = model.checkpoint_dtype if model is not None else None
    return dtype if dtype in ("float32", "bfloat16", "float16") else None


def _has(machine: Machine, tool: str) -> bool:
    return machine.tools is None or tool in machine.tools
