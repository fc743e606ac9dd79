"""The table of kernels: every line has a source, and names of real traces and of the sources fall where they belong."""

import re

import pytest

from workbench.catalog.kernels import BACKENDS, CATEGORIES, patterns, recognise, short

EXAMPLES = [(pattern, name) for pattern in patterns() for name in pattern.examples]


def test_every_line_has_a_source_and_words_that_exist() -> None:
    for pattern in patterns():
        assert len(pattern.source) > 20, pattern.regex.pattern
        assert pattern.category in CATEGORIES
        assert pattern.backend is None or pattern.backend in BACKENDS
        assert pattern.backend is None or pattern.category == "attention"
        assert pattern.part in (None, "matmul", "softmax")


def test_what_no_trace_here_can_show_has_an_example() -> None:
    assert [
        pattern.regex.pattern for pattern in patterns() if pattern.where in ("gpu", "op") and not pattern.examples
    ] == []


@pytest.mark.parametrize(("pattern", "name"), EXAMPLES, ids=[short(name, 50) for _, name in EXAMPLES])
def test_each_example_is_recognised_by_its_own_line(pattern: object, name: str) -> None:
    assert recognise(name) is pattern


@pytest.mark.parametrize(
    ("name", "category", "backend"),
    [
        (
            "void pytorch_flash::flash_fwd_splitkv_kernel<Traits>(pytorch_flash::Flash_fwd_params)",
            "attention",
            "sdpa flash",
        ),
        ("void flash::flash_fwd_splitkv_kernel<Traits>(flash::Flash_fwd_params)", "attention", "FlashAttention 2"),
        ("fmha_cutlassF_f16_aligned_64x64_rf_sm80(Params)", "attention", "sdpa efficient"),
        ("cudnn_generated_fort_native_sdpa_sm100_flash_fprop_f16_knob_3", "attention", "sdpa cudnn"),
        (
            "void cutlass::device_kernel<flash::enable_sm90<flash::FlashAttnFwdSm90<X>>>(Y)",
            "attention",
            "FlashAttention 3",
        ),
        ("flash::FlashAttentionForwardSm100", "attention", "FlashAttention 4"),
        ("aten::_scaled_dot_product_attention_math", "attention", "sdpa math"),
        ("aten::_scaled_dot_product_flash_attention", "attention", "sdpa flash"),
        ("aten::_scaled_dot_product_flash_attention_for_cpu", "attention", "CPU flash"),
        ("ampere_bf16_s16816gemm_bf16_64x64_sliced1x2_ldg8_f2f_stages_64x6_tn", "linear", None),
        ("volta_sgemm_128x64_tn", "linear", None),
        ("triton_poi_fused_add_0", "elementwise", None),
        ("Memset (Device)", "memory", None),
    ],
)
def test_names_of_gpus_and_versions_that_are_not_here(name: str, category: str, backend: str | None) -> None:
    found = recognise(name)
    assert found is not None
    assert (found.category, found.backend) == (category, backend)


@pytest.mark.parametrize("name", ["my_package::attention_v9", "void my_kernel<float>(float*)", "aten::brand_new_op"])
def test_what_matches_nothing_is_not_guessed(name: str) -> None:
    assert recognise(name) is None


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("void pytorch_flash::flash_fwd_kernel<Flash<128, 2>, false>(Params)", "pytorch_flash::flash_fwd_kernel"),
        (
            "void at::native::(anonymous namespace)::cunn_SoftMaxForward<4, float>(float*)",
            "at::native::cunn_SoftMaxForward",
        ),
        ("void cutlass::Kernel2<cutlass_80_simt_sgemm_128x256>(cutlass::Params)", "cutlass_80_simt_sgemm_128x256"),
        ("void cutlass::device_kernel<flash::enable_sm90<flash::FlashAttnFwdSm90<X>>>(Y)", "flash::FlashAttnFwdSm90"),
        ("Memcpy DtoD (Device -> Device)", "Memcpy DtoD (Device -> Device)"),
        ("aten::mm", "aten::mm"),
    ],
)
def test_a_name_is_shortened_to_what_tells_kernels_apart(name: str, shown: str) -> None:
    assert short(name) == shown


def test_no_line_is_hidden_by_one_before_it() -> None:
    listed = re.compile(r"^\^aten::\(([\w|]+)\)\$$")
    for pattern in patterns():
        match = listed.match(pattern.regex.pattern)
        for operation in match[1].split("|") if match else ():
            assert recognise(f"aten::{operation}") is pattern, operation
