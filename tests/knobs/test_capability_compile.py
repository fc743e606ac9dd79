"""Compilation and number formats: each branch is a row of facts."""

from typing import Any

import pytest

from tests.knobs.facts import (
    A100,
    FP32,
    LLAMA,
    MAC,
    P100,
    PLAIN,
    T4,
    V4,
    WINDOWS,
    ask,
    check,
    gpu,
    having,
    machine,
    model,
    with_features,
)

IN_INT8 = model(checkpoint_quantization="bnb-int8")

COMPILE: list[tuple[Any, ...]] = [
    # knob, value, machine, model, other knobs, ok, code, what the remedy says
    ("compile", "off", machine(tools=()), V4, {}, True, None, ""),
    ("compile", "default", PLAIN, LLAMA, {}, True, "compiles_first", ""),
    ("compile", "reduce-overhead", PLAIN, LLAMA, {}, True, "no_cuda_graphs", ""),
    ("compile", "reduce-overhead", A100, LLAMA, {}, True, "compiles_first", ""),
    ("compile", "max-autotune", PLAIN, LLAMA, {}, True, "autotune", ""),
    ("compile", "default", PLAIN, model(compiles_whole=False), {}, True, "graph_breaks", ""),
    ("compile", "default", PLAIN, LLAMA, {"quantization": "bnb-int8"}, False, "format_uncompiled", "compile=off"),
    ("compile", "default", PLAIN, LLAMA, {"quantization": "quanto-int4"}, False, "format_uncompiled", "compile=off"),
    ("compile", "default", PLAIN, LLAMA, {"quantization": "bnb-nf4"}, True, "compiles_first", ""),
    ("compile", "default", PLAIN, IN_INT8, {}, False, "format_uncompiled", "compile=off"),
    ("compile", "default", PLAIN, IN_INT8, {"quantization": "none"}, True, "compiles_first", ""),
    ("compile", "off", PLAIN, IN_INT8, {}, True, None, ""),
    ("compile", "default", PLAIN, V4, {}, False, "class_without_static_cache", "compile=off"),
    ("compile", "default", machine(tools=("Python.h",)), LLAMA, {}, False, "no_compiler", "apt install g++"),
    ("compile", "default", machine(tools=("g++",)), LLAMA, {}, False, "no_python_headers", "python3-dev"),
    ("compile", "default", machine(tools=None), LLAMA, {}, True, "compiles_first", ""),
    ("compile", "default", MAC.model_copy(update={"tools": ()}), LLAMA, {}, False, "no_compiler", "xcode-select"),
    ("compile", "default", WINDOWS, LLAMA, {}, True, "compiles_first", ""),
    ("compile", "default", WINDOWS.model_copy(update={"tools": ("g++",)}), LLAMA, {}, False, "no_compiler", "Visual"),
    ("compile", "default", P100, LLAMA, {}, False, "gpu_too_old", "compile=off"),
    ("compile", "default", T4, LLAMA, {}, True, "compiles_first", ""),
    ("compile", "default", having(A100), LLAMA, {}, False, "missing", "pip install triton"),
    ("compile", "default", A100.model_copy(update={"tools": ()}), LLAMA, {}, False, "no_compiler", "g++"),
    (
        "compile",
        "default",
        machine(gpu((8, 9)), platform="Windows 11 AMD64", tools=()),
        LLAMA,
        {},
        True,
        "compiles_first",
        "",
    ),
    ("compile", "default", A100, LLAMA, {"device": "cpu"}, True, "compiles_first", ""),
    ("freezing", "auto", PLAIN, LLAMA, {}, True, None, ""),
    ("freezing", "off", PLAIN, LLAMA, {}, True, None, ""),
    ("freezing", "on", PLAIN, LLAMA, {}, True, "frozen_copy", ""),
    ("tf32", False, PLAIN, LLAMA, {}, True, None, ""),
    ("tf32", True, PLAIN, FP32, {}, False, "no_gpu", "NVIDIA GPU"),
    ("tf32", True, A100, FP32, {"device": "cpu"}, False, "on_cpu", "device=cuda"),
    ("tf32", True, T4, FP32, {}, False, "gpu_too_old", "tf32=False"),
    ("tf32", True, A100, FP32, {}, True, None, ""),
    ("tf32", True, A100, LLAMA, {}, True, "tf32_idle", ""),
    ("tf32", True, A100, LLAMA, {"dtype": "float32"}, True, None, ""),
    ("tf32", True, A100, FP32, {"autocast": "bfloat16"}, True, "tf32_idle", ""),
    ("tf32", True, A100, model(checkpoint_dtype=None), {}, True, None, ""),
    ("cudnn_benchmark", False, PLAIN, LLAMA, {}, True, None, ""),
    ("cudnn_benchmark", True, PLAIN, LLAMA, {}, False, "no_gpu", "NVIDIA GPU"),
    ("cudnn_benchmark", True, A100, LLAMA, {}, True, "no_convolutions", ""),
    ("autocast", "off", PLAIN, LLAMA, {}, True, None, ""),
    ("autocast", "bfloat16", PLAIN, FP32, {}, True, None, ""),
    ("autocast", "bfloat16", with_features("avx2"), FP32, {}, True, "cpu_converts", ""),
    ("autocast", "float16", PLAIN, FP32, {}, True, "cpu_converts", ""),
    ("autocast", "float16", with_features("avx512_fp16"), FP32, {}, True, None, ""),
    ("autocast", "bfloat16", PLAIN, LLAMA, {}, True, "autocast_idle", ""),
    ("autocast", "bfloat16", T4, FP32, {}, False, "gpu_too_old", "float16"),
    ("autocast", "float16", T4, FP32, {}, True, None, ""),
    ("autocast", "bfloat16", A100, FP32, {}, True, None, ""),
]


@pytest.mark.parametrize(("knob", "value", "where", "what", "knobs", "ok", "code", "remedy"), COMPILE)
def test_capability(
    knob: str, value: Any, where: Any, what: Any, knobs: dict[str, Any], ok: bool, code: str, remedy: str
) -> None:
    check(ask(knob, value, where, what, **knobs), ok, code, remedy)
