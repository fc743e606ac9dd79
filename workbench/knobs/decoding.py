"""How a token follows the other: the loop that decodes, and the cache that keeps the past."""

from collections.abc import Mapping
from typing import Any

from workbench.knobs import capability_cache, capability_compile
from workbench.knobs.capability_cache import CACHE_BITS
from workbench.knobs.kinds import Choice, Number
from workbench.knobs.knob import Group, Knob
from workbench.results import Machine

CACHES = ("dynamic", "static", "offloaded", "offloaded_static", "quantized")


def _compiled(values: Mapping[str, Any]) -> bool:
    return bool(values["compile"] != "off")


def _own_cache(values: Mapping[str, Any]) -> bool:
    return not _compiled(values)


def _quantized(values: Mapping[str, Any]) -> bool:
    return not _compiled(values) and values["cache"] == "quantized"


def _counted_bits(values: Mapping[str, Any]) -> bool:
    return _quantized(values) and values["cache_backend"] != "fp8"


def _fixed_length(values: Mapping[str, Any]) -> bool:
    return _compiled(values) or values["cache"] in ("static", "offloaded_static")


def _bits(values: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    backend, bits = values["cache_backend"], values["cache_bits"]
    if _quantized(values) and bits != "auto" and bits not in CACHE_BITS[backend]:
        allowed = ", ".join(map(str, CACHE_BITS[backend]))
        return "config.cache_bits", {"backend": backend, "bits": bits, "allowed": allowed}
    return None


def _offered(machine: Machine) -> tuple[str, ...]:
    return machine.torch.cache_implementations if machine.torch is not None else ()


KNOBS = (
    Knob(
        name="compile",
        label="Compile",
        help="off: transformers' own loop. Otherwise each decode step is one graph that torch.compile made, over a "
        "static cache; the modes are torch's. reduce-overhead: CUDA graphs. max-autotune: tries kernels against each "
        "other.",
        group=Group.DECODING,
        kind=Choice(("off", "default", "reduce-overhead", "max-autotune")),
        default="off",
        capability=capability_compile.compilation,
    ),
    Knob(
        name="freezing",
        label="Freezing",
        help="Inductor treats the weights as constants and may repack them for its kernels. auto: on where the model "
        "runs on the CPU.",
        group=Group.DECODING,
        kind=Choice(("auto", "on", "off")),
        default="auto",
        when=_compiled,
        capability=capability_compile.freezing,
    ),
    Knob(
        name="cache",
        label="KV cache",
        help="dynamic: grows with every token. static: allocated once for the whole length. offloaded: layers wait in "
        "the computer's memory. quantized: kept in a few bits.",
        group=Group.DECODING,
        kind=Choice(CACHES, pattern=r"sliding_window|(offloaded_)?hybrid(_chunked)?"),
        default="dynamic",
        when=_own_cache,
        offered=_offered,
        capability=capability_cache.cache,
    ),
    Knob(
        name="cache_backend",
        label="Cache format",
        help="What the cache is quantised by: the libraries quanto and hqq, in groups, or transformers itself to fp8.",
        group=Group.DECODING,
        kind=Choice(tuple(CACHE_BITS)),
        default="fp8",  # transformers' own default is quanto, which is a package to install and to compile
        when=_quantized,
        capability=capability_cache.cache_backend,
    ),
    Knob(
        name="cache_bits",
        label="Cache bits",
        help="Bits of a value in the quantised cache. auto: the library's own choice, 4. quanto: 2 or 4. hqq: 1, 2, 3, "
        "4 or 8. fp8: 8.",
        group=Group.DECODING,
        kind=Number(1, 8, 1, integer=True, words=("auto",)),
        default="auto",
        when=_counted_bits,
        conflict=_bits,
        capability=capability_cache.cache_bits,
    ),
    Knob(
        name="cache_length",
        label="Cache length",
        help="Tokens a static cache has room for. auto: what the work needs, with compile rounded up so that it is "
        "compiled once.",
        group=Group.DECODING,
        kind=Number(1, 10_000_000, 1, integer=True, words=("auto",)),
        default="auto",
        unit="tokens",
        when=_fixed_length,
        capability=capability_cache.cache_length,
    ),
)
