"""Attention implementations and masks: each branch is a row of facts."""

from typing import Any

import pytest

from tests.knobs.facts import (
    A100,
    B200,
    FP32,
    H100,
    LLAMA,
    MAC,
    MLA,
    P100,
    PLAIN,
    T4,
    V4,
    V32,
    ask,
    check,
    having,
    machine,
    model,
    package,
    with_features,
)

FA2 = having(A100, "flash-attn", "triton")
BROKEN = having(
    A100,
    flash_attn=package("flash-attn", False, "machine.package.undefined_symbol", problem="undefined symbol: _ZN3c10"),
)
TOO_OLD = having(
    T4, flash_attn=package("flash-attn", False, "machine.package.wrong_gpu", gpu="Tesla T4", has="7.5", needs="8.0+")
)
UNSEEN = package(
    "flash-attn-3",
    False,
    "machine.package.look_alike",
    module="fa3_fwd_interface",
    owners="fa3-fwd",
    distribution="flash-attn-3",
)
OUTSIDE = package(
    "kernels",
    False,
    "machine.package.outside_window",
    version="0.17.2",
    transformers="5.23.0",
    least="0.18.2",
    below="0.19.0",
)

ATTENTION: list[tuple[Any, ...]] = [
    # value, machine, model, other knobs, ok, code, what the remedy says
    ("eager", PLAIN, V4, {}, True, None, ""),
    ("sdpa", PLAIN, None, {}, True, None, ""),
    ("sdpa", PLAIN, V32, {}, True, None, ""),
    ("sdpa", PLAIN, V4, {}, False, "class_without_sdpa", "eager"),
    ("flex_attention", PLAIN, LLAMA, {}, True, "flex_cpu", ""),
    ("flex_attention", machine(tools=()), LLAMA, {}, False, "no_compiler", "apt install g++"),
    ("flex_attention", machine(tools=None), LLAMA, {}, True, "flex_cpu", ""),
    ("flex_attention", MAC, LLAMA, {}, False, "flex_cpu", "attention=sdpa"),
    ("flex_attention", with_features("sse4_2"), LLAMA, {}, False, "flex_cpu", "attention=sdpa"),
    ("flex_attention", PLAIN, V32, {}, False, "class_without_flex", "attention=sdpa"),
    ("flex_attention", PLAIN, V4, {}, False, "class_without_flex", "eager"),
    ("flex_attention", A100, LLAMA, {}, True, "flex_cuda", ""),
    ("flex_attention", having(A100), LLAMA, {}, False, "missing", "pip install triton"),
    ("flex_attention", P100, LLAMA, {}, False, "gpu_too_old", "attention=sdpa"),
    ("flash_attention_2", PLAIN, None, {}, False, "no_gpu", "machine with an NVIDIA GPU"),
    ("flash_attention_2", FA2, LLAMA, {"device": "cpu"}, False, "on_cpu", "device=cuda"),
    ("flash_attention_2", A100, LLAMA, {}, False, "missing", "pip install flash-attn"),
    ("flash_attention_2", TOO_OLD, LLAMA, {}, False, "wrong_gpu", "pip install"),
    ("flash_attention_2", BROKEN, LLAMA, {}, False, "undefined_symbol", "pip install flash-attn"),
    ("flash_attention_2", FA2, LLAMA, {}, True, None, ""),
    ("flash_attention_2", FA2, None, {}, True, None, ""),
    ("flash_attention_2", FA2, None, {"dtype": "float32"}, False, "flash_dtype", "dtype=bfloat16"),
    ("flash_attention_2", FA2, FP32, {}, False, "flash_dtype", "autocast"),
    ("flash_attention_2", FA2, FP32, {"autocast": "bfloat16"}, True, None, ""),
    ("flash_attention_2", FA2, FP32, {"dtype": "float16"}, True, None, ""),
    ("flash_attention_2", FA2, model(head_dim=256), {}, True, None, ""),
    ("flash_attention_2", FA2, model(head_dim=512), {}, False, "flash_head", "attention=sdpa"),
    ("flash_attention_2", FA2, MLA, {}, True, "pads_value", ""),
    ("flash_attention_2", FA2, V32, {}, False, "class_without_flash", "attention=sdpa"),
    ("flash_attention_2", FA2, V4, {}, False, "class_without_flash", "eager"),
    ("flash_attention_2", having(A100, "kernels"), LLAMA, {}, True, "kernel_instead", ""),
    ("flash_attention_2", having(A100, kernels=OUTSIDE), LLAMA, {}, False, "missing", "pip install flash-attn"),
    # a package that is seen and broken is not replaced by a kernel of the hub
    (
        "flash_attention_2",
        having(
            A100, "kernels", flash_attn=package("flash-attn", False, "machine.package.dll_load_failed", problem="x")
        ),
        LLAMA,
        {},
        False,
        "dll_load_failed",
        "pip install flash-attn",
    ),
    (
        "flash_attention_3",
        having(H100, flash_attn_3=UNSEEN),
        LLAMA,
        {},
        False,
        "look_alike",
        "pip install flash-attn-3",
    ),
    ("flash_attention_3", having(H100, "kernels", flash_attn_3=UNSEEN), LLAMA, {}, True, "kernel_instead", ""),
    ("flash_attention_3", having(H100, "flash-attn-3"), LLAMA, {}, True, None, ""),
    ("flash_attention_4", having(B200, "flash-attn-4"), LLAMA, {}, True, None, ""),
    ("flash_attention_4", having(B200, "flash-attn-4"), MLA, {}, True, "fa4_head", ""),
    ("kernels-community/flash-attn2", PLAIN, LLAMA, {}, False, "no_gpu", "NVIDIA GPU"),
    ("kernels-community/flash-attn2", A100, LLAMA, {}, False, "missing", "pip install kernels"),
    ("kernels-community/flash-attn2", having(A100, kernels=OUTSIDE), LLAMA, {}, False, "outside_window", "kernels"),
    ("kernels-community/flash-attn2", having(A100, "kernels"), LLAMA, {}, True, "hub_download", ""),
    ("kernels-community/flash-attn2", having(A100, "kernels"), V4, {}, False, "class_without_flash", "eager"),
    ("somebody/kernel", having(A100, "kernels"), LLAMA, {}, False, "hub_owner", "kernels-community"),
    ("paged|eager", PLAIN, LLAMA, {}, False, "paged", "choose eager"),
    ("spy", PLAIN, LLAMA, {}, True, None, ""),
    ("linear_attention", PLAIN, LLAMA, {}, False, "not_registered", "attention=sdpa"),
]


@pytest.mark.parametrize(("value", "where", "what", "knobs", "ok", "code", "remedy"), ATTENTION)
def test_attention(value: str, where: Any, what: Any, knobs: dict[str, Any], ok: bool, code: str, remedy: str) -> None:
    check(ask("attention", value, where, what, **knobs), ok, code, remedy)


def test_an_unregistered_implementation_names_those_that_are() -> None:
    reason = ask("attention", "linear_attention", PLAIN).reason
    assert "eager, flash_attention_2, flex_attention" in str(reason)


def test_a_kernel_of_the_hub_is_named_where_it_would_run_instead() -> None:
    note = ask("attention", "flash_attention_3", having(H100, "kernels"), LLAMA).note
    assert "kernels-community/vllm-flash-attn3" in str(note)
    assert "network" in str(note)


def test_a_package_nobody_looked_for_is_not_said_to_be_missing() -> None:
    check(ask("attention", "flash_attention_2", machine(A100.gpus[0], packages=())), False, "package_unknown", "doctor")


@pytest.mark.parametrize(("value", "code"), [("tokenizer", None), ("ones", "mask_ones"), ("none", "mask_none")])
def test_masks_are_possible_and_told(value: str, code: str | None) -> None:
    check(ask("attention_mask", value, PLAIN, LLAMA), True, code)
