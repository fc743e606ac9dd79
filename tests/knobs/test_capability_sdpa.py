"""SDPA's kernels: each branch is a row of facts, and on the CPU torch itself is asked whether the verdict is right."""

from typing import Any

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from tests.knobs.facts import (
    A100,
    B200,
    CUDA_TORCH,
    FP32,
    H100,
    LLAMA,
    MLA,
    PLAIN,
    RTX_5090,
    T4,
    V4,
    ask,
    check,
    gpu,
    machine,
    model,
)

NEW_CUDNN = machine(gpu((9, 0), "NVIDIA H100"), torch=CUDA_TORCH.model_copy(update={"cudnn": 92300}))
OLD_CUDNN = machine(gpu((9, 0), "NVIDIA H100"), torch=CUDA_TORCH.model_copy(update={"cudnn": 91002}))
ROCM = machine(gpu((9, 4), "MI300X"), torch=CUDA_TORCH.model_copy(update={"cuda_runtime": None, "hip_runtime": "7.2"}))
FUTURE = machine(gpu((13, 0), "NVIDIA"))

BACKENDS: list[tuple[Any, ...]] = [
    # value, machine, model, other knobs, ok, code, what the remedy says
    ("auto", PLAIN, MLA, {}, True, None, ""),
    ("flash", PLAIN, None, {}, True, None, ""),
    ("flash", PLAIN, FP32, {}, True, None, ""),
    ("flash", PLAIN, MLA, {}, False, "sdpa_equal_heads", "sdpa_backend=auto"),
    ("math", PLAIN, MLA, {}, True, "math", ""),
    ("efficient", PLAIN, None, {}, False, "sdpa_cpu", "sdpa_backend=auto"),
    ("cudnn", PLAIN, None, {}, False, "sdpa_cpu", "sdpa_backend=auto"),
    ("efficient", A100, LLAMA, {"device": "cpu"}, False, "sdpa_cpu", "auto"),
    ("efficient", PLAIN, LLAMA, {"attention": "eager"}, True, None, ""),
    ("flash", PLAIN, V4, {}, False, "class_without_sdpa", "eager"),
    ("flash", A100, LLAMA, {}, True, "flash_mask", ""),
    ("flash", A100, None, {}, True, "flash_mask", ""),
    ("flash", RTX_5090, LLAMA, {}, True, "flash_mask", ""),
    ("flash", FUTURE, LLAMA, {}, False, "sdpa_gpu", "auto"),
    ("flash", T4, LLAMA, {}, False, "sdpa_gpu", "auto"),
    ("flash", A100, FP32, {}, False, "sdpa_dtype", "dtype=bfloat16"),
    ("flash", A100, FP32, {"autocast": "float16"}, True, "flash_mask", ""),
    ("flash", A100, MLA, {}, False, "sdpa_equal_heads", "auto"),
    ("flash", A100, model(head_dim=512), {}, False, "sdpa_head", "auto"),
    ("efficient", T4, model(checkpoint_dtype="float16"), {}, True, None, ""),
    ("efficient", T4, LLAMA, {}, False, "no_bf16", "float16"),
    ("efficient", A100, FP32, {}, True, None, ""),
    ("efficient", A100, MLA, {}, True, None, ""),
    ("efficient", A100, model(head_dim=20), {}, False, "sdpa_multiple", "auto"),
    ("efficient", A100, model(head_dim=20, checkpoint_dtype="float32"), {}, True, None, ""),
    ("cudnn", A100, LLAMA, {}, True, None, ""),
    ("cudnn", T4, LLAMA, {}, False, "sdpa_gpu", "auto"),
    ("cudnn", A100, FP32, {}, False, "sdpa_dtype", "autocast"),
    ("cudnn", A100, model(head_dim=100), {}, False, "sdpa_multiple", "auto"),
    ("cudnn", A100, MLA, {}, False, "sdpa_head", "auto"),
    ("cudnn", H100, MLA, {}, True, None, ""),
    ("cudnn", B200, MLA, {}, True, None, ""),
    ("cudnn", OLD_CUDNN, MLA, {}, False, "sdpa_head", "auto"),
    ("cudnn", H100, model(head_dim=256), {}, False, "sdpa_head", "auto"),
    ("cudnn", NEW_CUDNN, model(head_dim=256), {}, True, None, ""),
    ("math", A100, LLAMA, {}, True, "math", ""),
    ("flash", ROCM, LLAMA, {}, True, "rocm", ""),
]


@pytest.mark.parametrize(("value", "where", "what", "knobs", "ok", "code", "remedy"), BACKENDS)
def test_backend(value: str, where: Any, what: Any, knobs: dict[str, Any], ok: bool, code: str, remedy: str) -> None:
    check(ask("sdpa_backend", value, where, what, **knobs), ok, code, remedy)


def test_the_sentence_names_both_head_dimensions() -> None:
    assert "192/128" in str(ask("sdpa_backend", "flash", A100, MLA).reason)


_TORCHS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "math": SDPBackend.MATH,
}


@pytest.mark.parametrize("value", _TORCHS)
@pytest.mark.parametrize(
    ("what", "query", "width"), [(LLAMA, 64, 64), (MLA, 192, 128), (model(head_dim=512), 512, 512)]
)
@pytest.mark.filterwarnings("ignore")  # torch warns of each kernel it rules out
def test_the_verdict_on_the_cpu_is_what_torch_does(value: str, what: Any, query: int, width: int) -> None:
    q = torch.randn(1, 2, 4, query, dtype=torch.bfloat16)
    v = torch.randn(1, 2, 4, width, dtype=torch.bfloat16)
    try:
        with sdpa_kernel(_TORCHS[value]):
            torch.nn.functional.scaled_dot_product_attention(q, q, v, is_causal=True)
        ran = True
    except RuntimeError:
        ran = False
    assert ask("sdpa_backend", value, PLAIN, what).ok is ran
