"""Kinds of KV cache: each branch is a row of facts."""

from typing import Any

import pytest

from tests.knobs.facts import A100, CPU_TORCH, LLAMA, PLAIN, V4, ask, check, gpu, having, machine

QUANTO, HQQ = having(PLAIN, "optimum-quanto"), having(PLAIN, "hqq")
NO_NINJA = having(machine(tools=("g++",)), "optimum-quanto")
NO_COMPILER = having(machine(tools=("ninja",)), "optimum-quanto")
WITHOUT_FP8 = machine(torch=CPU_TORCH.model_copy(update={"cache_backends": ("quanto", "hqq")}))
TIGHT = machine(gpu((8, 0), "NVIDIA A100", free=1 << 30))

CACHES: list[tuple[Any, ...]] = [
    # knob, value, machine, model, other knobs, ok, code, what the remedy says
    ("cache", "dynamic", PLAIN, V4, {}, True, None, ""),
    ("cache", "static", PLAIN, LLAMA, {}, True, None, ""),
    ("cache", "static", PLAIN, V4, {}, False, "class_without_static_cache", "dynamic"),
    ("cache", "offloaded_static", A100, V4, {}, False, "class_without_static_cache", "dynamic"),
    ("cache", "offloaded", PLAIN, LLAMA, {}, False, "no_gpu", "NVIDIA GPU"),
    ("cache", "offloaded", A100, LLAMA, {"device": "cpu"}, False, "on_cpu", "device=cuda"),
    ("cache", "offloaded_static", PLAIN, LLAMA, {}, False, "no_gpu", "NVIDIA GPU"),
    ("cache", "offloaded", A100, LLAMA, {}, True, "offloaded", ""),
    ("cache", "quantized", PLAIN, LLAMA, {}, True, None, ""),
    ("cache", "quantized", PLAIN, LLAMA, {"cache_backend": "quanto"}, False, "missing", "pip install optimum-quanto"),
    ("cache", "quantized", QUANTO, LLAMA, {"cache_backend": "quanto"}, True, "quanto_builds", ""),
    ("cache", "quantized", QUANTO, LLAMA, {"cache_backend": "hqq"}, False, "missing", "pip install hqq"),
    ("cache", "quantized", HQQ, LLAMA, {"cache_backend": "hqq"}, True, None, ""),
    ("cache", "sliding_window", PLAIN, LLAMA, {}, True, "old_cache", ""),
    ("cache", "hybrid", PLAIN, LLAMA, {}, False, "cache_unknown", "dynamic"),
    ("cache_backend", "quanto", NO_NINJA, LLAMA, {}, False, "quanto_needs_compiler", "pip install ninja"),
    ("cache_backend", "quanto", NO_COMPILER, LLAMA, {}, False, "quanto_needs_compiler", "g++"),
    ("cache_backend", "quanto", machine(packages=()), LLAMA, {}, False, "package_unknown", "workbench doctor"),
    ("cache_backend", "hqq", having(machine(tools=()), "hqq"), LLAMA, {}, True, None, ""),
    ("cache_bits", "auto", PLAIN, LLAMA, {}, True, None, ""),
    ("cache_bits", 4, PLAIN, LLAMA, {"cache_backend": "quanto"}, True, None, ""),
    ("cache_backend", "fp8", machine(packages=()), LLAMA, {}, True, None, ""),
    ("cache_backend", "fp8", WITHOUT_FP8, LLAMA, {}, False, "no_cache_backend", "cache_backend=hqq"),
    (
        "cache_backend",
        "fp8",
        PLAIN,
        LLAMA,
        {"cache": "quantized", "autocast": "bfloat16"},
        False,
        "fp8_cache_autocast",
        "off",
    ),
    (
        "cache",
        "quantized",
        PLAIN,
        LLAMA,
        {"cache": "quantized", "autocast": "float16"},
        False,
        "fp8_cache_autocast",
        "off",
    ),
    ("cache_backend", "fp8", PLAIN, LLAMA, {"cache": "dynamic", "autocast": "bfloat16"}, True, None, ""),
    ("cache_bits", 8, PLAIN, LLAMA, {"cache_backend": "fp8"}, True, None, ""),
    ("cache_bits", 4, PLAIN, LLAMA, {"cache_backend": "fp8"}, False, "cache_bits", "cache_backend=quanto"),
    ("cache_bits", 8, PLAIN, LLAMA, {"cache_backend": "quanto"}, False, "cache_bits", "cache_backend=hqq"),
    ("cache_bits", 8, PLAIN, LLAMA, {"cache_backend": "hqq"}, True, None, ""),
    ("cache_bits", 3, PLAIN, LLAMA, {"cache_backend": "hqq"}, True, None, ""),
    ("cache_bits", 5, PLAIN, LLAMA, {"cache_backend": "hqq"}, False, "cache_bits", "1, 2, 3, 4, 8"),
    ("cache_length", "auto", PLAIN, LLAMA, {}, True, None, ""),
    ("cache_length", 4096, PLAIN, LLAMA, {}, True, None, ""),
    ("cache_length", 4097, PLAIN, LLAMA, {}, True, "beyond_context", ""),
    ("cache_length", 8193, PLAIN, LLAMA, {}, False, "cache_too_large", "at most 8192"),
    ("cache_length", 1025, TIGHT, LLAMA, {}, False, "cache_too_large", "at most 1024"),
    ("cache_length", 10_000_000, A100, LLAMA, {}, True, "beyond_context", ""),  # free memory is not known
    ("cache_length", 10_000_000, PLAIN, None, {}, True, None, ""),
]


@pytest.mark.parametrize(("knob", "value", "where", "what", "knobs", "ok", "code", "remedy"), CACHES)
def test_cache(
    knob: str, value: Any, where: Any, what: Any, knobs: dict[str, Any], ok: bool, code: str, remedy: str
) -> None:
    check(ask(knob, value, where, what, **knobs), ok, code, remedy)


def test_a_cache_this_transformers_lacks_is_told_with_those_it_has() -> None:
    assert "static, offloaded_static" in str(ask("cache", "hybrid", PLAIN).reason)
