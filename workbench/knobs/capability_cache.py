"""Whether a kind of KV cache can be used here, decided by facts alone.

Sources: transformers.cache_utils and generation.configuration_utils of 5.17 and 5.23. Offloading waits on
`torch.cuda.default_stream`, so it exists on CUDA only; optimum-quanto compiles its kernels at first use.
"""

from collections.abc import Mapping
from typing import Any

from workbench.knobs.conditions import allow, gpu_of, has_cxx, needs_cuda, refuse, unusable
from workbench.knobs.knob import OK
from workbench.results import Capability, Machine, ModelFacts
from workbench.words import say
from workbench.words.format import size

# how many bits each backend of the quantised cache can keep
CACHE_BITS = {"quanto": (2, 4), "hqq": (1, 2, 3, 4, 8), "fp8": (8,)}
_PACKAGES = {"quanto": "optimum-quanto", "hqq": "hqq"}
_STATIC = ("static", "offloaded_static")
_CURRENT = ("dynamic", "offloaded", "quantized", *_STATIC)


def cache(value: Any, machine: Machine, model: ModelFacts | None, values: Mapping[str, Any]) -> Capability:
    """dynamic, static, offloaded, offloaded_static, quantized, and what else this transformers names."""
    offered = machine.torch.cache_implementations if machine.torch is not None else ()
    if offered and value not in offered:
        return refuse(
            say("capability.cache_unknown", value=value, known=", ".join(offered)), say("capability.use_dynamic_cache")
        )
    if value in _STATIC and model is not None and not model.supports_static_cache:
        return refuse(
            say("capability.class_without_static_cache", architecture=model.architecture),
            say("capability.use_dynamic_cache"),
        )
    if str(value).startswith("offloaded"):
        return needs_cuda(machine, values) or allow(say("capability.note.offloaded"))
    if value == "quantized":
        return cache_backend(values.get("cache_backend", "fp8"), machine, model, values)
    return OK if value in _CURRENT else allow(say("capability.note.old_cache"))


def cache_backend(value: Any, machine: Machine, _model: ModelFacts | None, values: Mapping[str, Any]) -> Capability:
    """quanto, hqq: the library of the quantised cache; fp8: transformers' own."""
    known = machine.torch.cache_backends if machine.torch is not None else ()
    if known and value not in known:
        return refuse(
            say("capability.no_cache_backend", value=value, known=", ".join(known)),
            say("capability.use_backend", backend=known[-1]),
        )
    if value == "fp8" and values.get("cache") == "quantized" and values.get("autocast", "off") != "off":
        # torch.cat is on autocast's promote list, which knows no float8: ATen/autocast_mode.h, prioritize
        return refuse(say("capability.fp8_cache_autocast"), say("capability.use_autocast_off"))
    if value not in _PACKAGES:
        return OK
    refusal = unusable(machine.package(_PACKAGES[value]), _PACKAGES[value])
    if refusal is not None:
        return refusal
    if value != "quanto":
        return OK
    if not has_cxx(machine) or (machine.tools is not None and "ninja" not in machine.tools):
        return refuse(say("machine.package.quanto_needs_compiler"), say("machine.package.install_compiler"))
    return allow(say("capability.note.quanto_builds"))


def cache_bits(value: Any, _machine: Machine, _model: ModelFacts | None, values: Mapping[str, Any]) -> Capability:
    """auto, or the bits that the chosen backend keeps."""
    backend = values.get("cache_backend", "fp8")
    if value == "auto" or value in CACHE_BITS[backend]:
        return OK
    able = [name for name, bits in CACHE_BITS.items() if value in bits]
    allowed = ", ".join(map(str, CACHE_BITS[backend]))
    return refuse(
        say("capability.cache_bits", backend=backend, bits=value, allowed=allowed),
        say("capability.use_backend", backend=able[0]) if able else say("capability.use_bits", allowed=allowed),
    )


def cache_length(value: Any, machine: Machine, model: ModelFacts | None, values: Mapping[str, Any]) -> Capability:
    """auto, or tokens that a static cache has room for, at batch size 1."""
    if value == "auto" or model is None:
        return OK
    gpu = gpu_of(machine, values)
    free = machine.cpu.available_bytes if gpu is None else gpu.free_bytes
    needed = value * model.kv_bytes_per_token
    if free is not None and needed > free:
        return refuse(
            say("capability.cache_too_large", tokens=value, needs=size(needed), free=size(free)),
            say("capability.use_length_up_to", largest=free // model.kv_bytes_per_token),
        )
    if value > model.context_length:
        return allow(say("capability.note.beyond_context", context=model.context_length))
    return OK
