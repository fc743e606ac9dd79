"""Where what ran is not what was asked, and why: a pure function of what the trace and the call's arguments show."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.results import Resolved, TracePhase
from workbench.words import Message, say

_HALF = ("c10::Half", "c10::BFloat16")
_LARGEST_FLASH_HEAD = 256
_SDPA_NAMES = {
    "flash": ("CPU flash", "sdpa flash"),
    "efficient": ("sdpa efficient",),
    "cudnn": ("sdpa cudnn",),
    "math": ("sdpa math",),
}
_SDPA = frozenset(name for names in _SDPA_NAMES.values() for name in names)
_EXPECTED = {
    "eager": frozenset({"eager"}),
    "sdpa": _SDPA,
    "flex_attention": frozenset({"flex"}),
    "flash_attention_2": frozenset({"FlashAttention 2"}),
    "flash_attention_3": frozenset({"FlashAttention 3"}),
    "flash_attention_4": frozenset({"FlashAttention 4"}),
}
_WORTH_NAMING = 0.01  # share of a phase


@dataclass(frozen=True)
class Call:
    """Arguments of one kind of `scaled_dot_product_attention`, as the profiler recorded them. `dtype`: C++'s word."""

    dtype: str
    head_dim: int
    value_dim: int
    masked: bool


@dataclass(frozen=True)
class Circumstances:
    """zeros_in_mask: of the mask that `generate` was given; calls: phase -> the different calls of SDPA in it."""

    on_gpu: bool
    zeros_in_mask: bool
    calls: Mapping[str, tuple[Call, ...]]


def reasons(
    config: Mapping[str, Any], resolved: Resolved, phases: Mapping[str, TracePhase], around: Circumstances
) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    """(differences, notes): what contradicts the config, and what is worth knowing beside it."""
    differences = [*_whole(config, resolved, phases["decode"])]
    for name, phase in phases.items():
        differences += _attention(name, phase, config, around)
    return _once(differences), _once(_notes(config, phases, around))


def _whole(config: Mapping[str, Any], resolved: Resolved, decode: TracePhase) -> Iterator[Message]:
    asked = config["attention"]
    if resolved.attention != asked:
        from_hub = "/" in resolved.attention
        yield say("trace.substituted" if from_hub else "trace.not_asked", asked=asked, ran=resolved.attention)
    flash = asked.startswith("flash_attention") or "/" in asked
    if flash and resolved.dtype == "float32" and config["autocast"] == "off":
        yield say("trace.flash_float32", asked=asked)
    if config["compile"] != "off" and not decode.compiled_regions:
        yield say("trace.not_compiled", asked=config["compile"])
    if config["compile"] == "off" and decode.compiled_regions and asked != "flex_attention":
        yield say("trace.compiled_by_itself", cache=config["cache"])


def _attention(name: str, phase: TracePhase, config: Mapping[str, Any], around: Circumstances) -> Iterator[Message]:
    asked, kernel = config["attention"], config["sdpa_backend"]
    if phase.backend is None:
        yield say("trace.no_kernel", phase=name)
        return
    ran = frozenset(phase.backend.split(" + "))
    expected = _EXPECTED.get(asked)
    if expected is not None and not ran & expected:
        yield say("trace.other_attention", phase=name, asked=asked, ran=phase.backend)
    if asked != "sdpa":
        return
    if kernel != "auto" and ran & _SDPA and not ran & frozenset(_SDPA_NAMES[kernel]):
        yield say("trace.other_kernel", phase=name, asked=kernel, ran=phase.backend)
    if kernel == "auto" and "sdpa math" in ran:
        yield from _why_math(name, around)


def _why_math(phase: str, around: Circumstances) -> Iterator[Message]:
    """What the fused kernels ask for and the calls do not have (torch: sdp_utils_cpp.cpp, cuda/sdp_utils.cpp)."""
    known = False
    for call in around.calls.get(phase, ()):
        if call.head_dim != call.value_dim:
            known = True
            yield say("trace.math_head_dims", phase=phase, head_dim=call.head_dim, value_dim=call.value_dim)
        elif call.head_dim > _LARGEST_FLASH_HEAD and around.on_gpu:
            known = True
            yield say("trace.math_head_dim", phase=phase, head_dim=call.head_dim, largest=_LARGEST_FLASH_HEAD)
        if call.masked and around.on_gpu:
            known = True
            yield say("trace.math_zeros" if around.zeros_in_mask else "trace.math_mask", phase=phase)
        if around.on_gpu and call.dtype not in _HALF:
            known = True
            yield say("trace.math_dtype", phase=phase, dtype=call.dtype)
    if not known:
        yield say("trace.math_unknown", phase=phase)


def _notes(config: Mapping[str, Any], phases: Mapping[str, TracePhase], around: Circumstances) -> Iterator[Message]:
    if config["compile"] != "off":
        yield say("trace.unmarked")
    for name, phase in phases.items():
        backend = phase.backend or ""
        if around.on_gpu and around.zeros_in_mask and config["attention"] == "sdpa" and "sdpa efficient" in backend:
            yield say("trace.flash_shut_out", phase=name)
        for kernel, seconds in phase.unrecognised.items():
            if seconds >= _WORTH_NAMING * phase.seconds:
                yield say("trace.unrecognised", name=kernel)


def _once(messages: Iterable[Message]) -> tuple[Message, ...]:
    return tuple({str(message): message for message in messages}.values())
