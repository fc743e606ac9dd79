"""Whether torch.compile can be used here, decided by facts alone.

Inductor writes C++ for the CPU (a compiler and Python's headers) and Triton for CUDA (compute capability 7.0: torch's
`has_triton`, `torch._inductor.exc.GPUTooOldForTriton`).
"""

from collections.abc import Mapping
from typing import Any

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
from workbench.knobs.knob import OK
from workbench.results import Capability, Machine, ModelFacts
from workbench.words import Message, say

_PYTHON_H = "Python.h"
# Formats whose layers torch 2.13 cannot compile into one step. bitsandbytes 0.50's int8 puts a new weight in place at
# every call, for which it is compiled anew up to the limit; quanto 0.2.7's int4 fails while it is traced.
_UNCOMPILED = ("bnb-int8", "quanto-int4")


def inductor(machine: Machine, values: Mapping[str, Any], instead: Message) -> Capability | None:
    """Why Inductor cannot make code on this machine; None where it can. `instead`: what to choose on too old a GPU."""
    if on_cuda(machine, values):
        refusal = older_gpu(gpu_of(machine, values), (7, 0), instead)
        refusal = refusal or unusable(machine.package("triton"), "triton")
        # Triton builds a small launcher in C for each kernel; on Windows triton-windows brings a compiler of its own
        return refusal or (None if is_windows(machine) else _builds(machine))
    return _builds(machine)


def _builds(machine: Machine) -> Capability | None:
    if not has_cxx(machine):
        system = "windows" if is_windows(machine) else "macos" if is_macos(machine) else "linux"
        return refuse(say("capability.no_compiler"), say(f"capability.install_compiler_{system}"))
    if machine.tools is not None and _PYTHON_H not in machine.tools:
        return refuse(say("capability.no_python_headers"), say("capability.install_python_headers"))
    return None


def compilation(value: Any, machine: Machine, model: ModelFacts | None, values: Mapping[str, Any]) -> Capability:
    """off, default, reduce-overhead, max-autotune: a compiled decode step over a static cache."""
    if value == "off":
        return OK
    if model is not None and not model.supports_static_cache:
        return refuse(
            say("capability.class_without_static_cache", architecture=model.architecture),
            say("capability.compile_off"),
        )
    files = model.checkpoint_quantization if model is not None else None
    kept_as = files if values["quantization"] == "auto" else values["quantization"]
    if kept_as in _UNCOMPILED:
        return refuse(say("capability.format_uncompiled", format=kept_as), say("capability.compile_off"))
    refusal = inductor(machine, values, say("capability.compile_off"))
    if refusal is not None:
        return refusal
    if model is not None and not model.compiles_whole:
        return allow(say("capability.note.graph_breaks", architecture=model.architecture))
    if value == "reduce-overhead" and not on_cuda(machine, values):
        return allow(say("capability.note.no_cuda_graphs"))
    if value == "max-autotune":
        return allow(say("capability.note.autotune"))
    return allow(say("capability.note.compiles_first"))


def freezing(value: Any, _machine: Machine, _model: ModelFacts | None, _values: Mapping[str, Any]) -> Capability:
    """auto, on, off."""
    return allow(say("capability.note.frozen_copy")) if value == "on" else OK
