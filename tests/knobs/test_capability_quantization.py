"""Quantisation: each branch is a row of facts."""

from itertools import product
from typing import Any

import pytest

from tests.knobs.facts import (
    A100,
    FP32,
    H100,
    LLAMA,
    MAC,
    P100,
    PLAIN,
    QUANTISERS,
    T4,
    WINDOWS,
    ask,
    check,
    gpu,
    having,
    machine,
    model,
    package,
    with_features,
)
from workbench.catalog import hf_config
from workbench.config import Config
from workbench.errors import ConfigError
from workbench.knobs import KNOBS
from workbench.knobs.formats import FORMATS
from workbench.knobs.linears import layout
from workbench.knobs.quantized_layers import split
from workbench.results import Machine, ModelFacts


def all_of(where: Machine, *more: str, **verdicts: Any) -> Machine:
    return having(where, *QUANTISERS, *more, **verdicts)


def of(slug: str, **changes: Any) -> ModelFacts:
    return model(config=hf_config(slug), **changes)


CPU, AMPERE, HOPPER, PASCAL, TURING = map(all_of, (PLAIN, A100, H100, P100, T4))
MAXWELL = all_of(machine(gpu((5, 2), "GTX 980")))
ADA = all_of(machine(gpu((8, 9), "RTX 4090")), "kernels")
HOPPER_KERNELS = all_of(H100, "kernels")
OLD_KERNELS = all_of(H100, kernels=package("kernels", False, "machine.package.outside_window", version="0.17.2",
                                           transformers="5.23.0", least="0.18.2", below="0.19.0"))  # fmt: skip
NO_AVX2 = all_of(with_features("sse4_2"))
AVX2 = all_of(with_features("avx2"))
FP16_CPU = all_of(with_features("avx512_fp16", "avx512_bf16"))
UNKNOWN_CPU = all_of(with_features())
NO_COMPILER, NO_NINJA = all_of(machine(tools=("ninja",))), all_of(machine(tools=("g++",)))
NVCC = all_of(machine(gpu((8, 0), "NVIDIA A100"), tools=("g++", "ninja", "nvcc")))
LINUX_ARM = all_of(with_features("asimd", platform="Linux 6.12 aarch64"))
ON_MAC, ON_WINDOWS = all_of(MAC.model_copy(update={"cpu": with_features("neon").cpu})), all_of(WINDOWS)
NO_OPTIMUM = all_of(PLAIN, optimum=package("optimum", False))

SEVEN, V2, V3 = of("deepseek-llm-7b-base"), of("deepseek-v2-lite"), of("deepseek-v3", checkpoint_quantization="fp8")
NF4_FILES = of("deepseek-llm-7b-base", checkpoint_quantization="bnb-nf4")
SMOL = model(
    config={
        "model_type": "llama",
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "vocab_size": 49152,
    }
)
TIED = model(config={**SMOL.config, "tie_word_embeddings": True})
ODD = model(config={**SMOL.config, "hidden_size": 560, "num_attention_heads": 7, "num_key_value_heads": 7})
GPTQ, AWQ, NF4 = (model(checkpoint_quantization=word) for word in ("gptq", "awq", "bnb-nf4"))
FP8, MXFP4, OTHER = (model(checkpoint_quantization=word) for word in ("fp8", "mxfp4", "vptq"))

FORMATS_ASKED: list[tuple[Any, ...]] = [
    # value, machine, model, other knobs, ok, code, what the remedy says
    ("auto", PLAIN, None, {}, True, None, ""),
    ("auto", PLAIN, LLAMA, {}, True, None, ""),
    ("none", PLAIN, LLAMA, {}, True, None, ""),
    # packages
    ("bnb-nf4", PLAIN, LLAMA, {}, False, "missing", "pip install bitsandbytes"),
    ("bnb-nf4", machine(packages=()), LLAMA, {}, False, "package_unknown", "workbench doctor"),
    ("torchao-int8-weight", PLAIN, LLAMA, {}, False, "missing", "pip install torchao"),
    ("hqq-int4", PLAIN, LLAMA, {}, False, "missing", "pip install hqq"),
    ("quanto-int8", PLAIN, LLAMA, {}, False, "missing", "pip install optimum-quanto"),
    ("gptq", PLAIN, LLAMA, {}, False, "missing", "pip install gptqmodel"),
    ("gptq", NO_OPTIMUM, LLAMA, {}, False, "missing", "pip install optimum"),
    ("awq", NO_OPTIMUM, LLAMA, {}, True, "needs_copy", ""),
    # bitsandbytes
    *((value, where, SEVEN, {}, True, None, "") for value in ("bnb-int8", "bnb-nf4", "bnb-fp4")
      for where in (CPU, AVX2, UNKNOWN_CPU, LINUX_ARM, ON_MAC, ON_WINDOWS, AMPERE, PASCAL)),
    ("bnb-nf4", NO_AVX2, SEVEN, {}, False, "bnb_avx2", "torchao"),
    ("bnb-int8", MAXWELL, SEVEN, {}, False, "gpu_too_old", "torchao"),
    ("bnb-nf4", CPU, ODD, {}, True, "layers_left", ""),
    ("bnb-nf4", AVX2, ODD, {}, True, None, ""),
    ("bnb-nf4", AMPERE, ODD, {}, True, None, ""),
    ("bnb-nf4", AMPERE, ODD, {"device": "cpu"}, True, "layers_left", ""),
    ("bnb-nf4", CPU, SMOL, {}, True, None, ""),
    ("bnb-int8", CPU, V2, {}, True, "experts_left", ""),
    # torchao
    ("torchao-int8-weight", CPU, SEVEN, {}, True, None, ""),
    ("torchao-int8-dynamic", ON_WINDOWS, SEVEN, {}, True, None, ""),
    ("torchao-int8-weight", CPU, V2, {}, True, "experts_left", ""),
    ("torchao-float8", CPU, SEVEN, {}, True, "float8_cpu", ""),
    ("torchao-float8", AMPERE, SEVEN, {}, True, None, ""),
    ("torchao-int4-weight", CPU, SEVEN, {}, True, None, ""),
    ("torchao-int4-weight", CPU, None, {}, True, None, ""),
    ("torchao-int4-weight", CPU, FP32, {}, False, "int4_bfloat16", "dtype=bfloat16"),
    ("torchao-int4-weight", CPU, FP32, {"dtype": "bfloat16"}, True, None, ""),
    ("torchao-int4-weight", CPU, SEVEN, {"dtype": "float16"}, False, "int4_bfloat16", "dtype=bfloat16"),
    ("torchao-int4-weight", HOPPER, SEVEN, {"dtype": "float32"}, False, "int4_bfloat16", "dtype=bfloat16"),
    ("torchao-int4-weight", NO_AVX2, SEVEN, {}, False, "int4_avx2", "bnb-nf4"),
    ("torchao-int4-weight", ON_MAC, SEVEN, {}, False, "int4_avx2", "bnb-nf4"),
    ("torchao-int4-weight", UNKNOWN_CPU, SEVEN, {}, True, None, ""),
    ("torchao-int4-weight", TURING, SEVEN, {}, False, "gpu_too_old", "bnb-nf4"),
    ("torchao-int4-weight", AMPERE, SEVEN, {}, True, None, ""),
    # quanto
    ("quanto-int8", NO_COMPILER, SEVEN, {}, True, None, ""),
    ("quanto-int4", NO_COMPILER, SEVEN, {}, False, "quanto_needs_compiler", "g++"),
    ("quanto-int4", NO_NINJA, SEVEN, {}, False, "quanto_needs_compiler", "pip install ninja"),
    ("quanto-int4", ON_WINDOWS, SEVEN, {}, False, "quanto_needs_compiler", "ninja"),
    ("quanto-int4", CPU, SEVEN, {}, True, "quanto_builds", ""),
    ("quanto-int4", AMPERE, SEVEN, {}, False, "quanto_nvcc", "bnb-nf4"),
    ("quanto-int4", NVCC, SEVEN, {}, True, "quanto_builds", ""),
    ("quanto-int4", CPU, V2, {}, True, "experts_left", ""),
    # HQQ
    ("hqq-int8", CPU, SEVEN, {}, True, None, ""),
    ("hqq-int4", ON_MAC, SEVEN, {}, True, None, ""),
    ("hqq-int4", ON_WINDOWS, SEVEN, {}, True, "untried", ""),
    ("hqq-int4", CPU, V2, {}, True, "experts_left", ""),
    # FP8 made while loading
    ("fp8", PLAIN, LLAMA, {}, False, "fp8_needs_gpu", "torchao"),
    ("fp8", HOPPER, LLAMA, {"device": "cpu"}, False, "fp8_needs_gpu", "torchao"),
    ("fp8", AMPERE, LLAMA, {}, False, "gpu_too_old", "torchao"),
    ("fp8", HOPPER, LLAMA, {}, False, "fp8_kernels", "pip install kernels"),
    ("fp8", OLD_KERNELS, LLAMA, {}, False, "fp8_kernels", "pip install kernels"),
    ("fp8", machine(gpu((9, 0)), packages=()), LLAMA, {}, True, None, ""),
    ("fp8", ADA, SEVEN, {}, True, None, ""),
    ("fp8", ADA, V2, {}, True, "layers_left", ""),  # 576 rows of kv_a_proj are 4.5 blocks; the experts are taken
    # files that are quantised
    ("auto", PLAIN, V3, {}, True, "fp8_undone", ""),
    ("auto", AMPERE, V3, {}, True, "fp8_undone", ""),
    ("auto", HOPPER_KERNELS, V3, {}, True, "hub_download", ""),
    ("auto", HOPPER_KERNELS, V3, {"device": "cpu"}, True, "fp8_undone", ""),
    ("auto", OLD_KERNELS, V3, {}, False, "fp8_kernels", "pip install kernels"),
    ("fp8", PLAIN, FP8, {}, True, "fp8_undone", ""),
    ("none", HOPPER_KERNELS, V3, {}, True, "dequantized", ""),
    ("none", PLAIN, MXFP4, {}, True, "dequantized", ""),
    ("none", PLAIN, GPTQ, {}, False, "not_in_full", "quantization=auto"),
    ("none", CPU, NF4, {}, False, "not_in_full", "quantization=auto"),
    ("auto", PLAIN, GPTQ, {}, False, "missing", "pip install gptqmodel"),
    ("auto", NO_OPTIMUM, GPTQ, {}, False, "missing", "pip install optimum"),
    ("auto", NO_OPTIMUM, AWQ, {}, True, None, ""),
    ("auto", CPU, GPTQ, {}, True, None, ""),
    ("gptq", CPU, GPTQ, {}, True, None, ""),
    ("auto", PLAIN, NF4, {}, False, "missing", "pip install bitsandbytes"),
    ("auto", PLAIN, OTHER, {}, True, None, ""),
    *((value, CPU, files, {}, False, "files_quantized", "quantization=auto")
      for value in ("bnb-nf4", "torchao-int8-weight", "hqq-int4", "awq") for files in (GPTQ, V3)),
    ("gptq", CPU, LLAMA, {}, True, "needs_copy", ""),
]  # fmt: skip

SUB_KNOBS: list[tuple[Any, ...]] = [
    # knob, value, quantization, machine, model, ok, code, what the remedy says
    ("compute_dtype", "auto", "bnb-nf4", CPU, SEVEN, True, None, ""),
    ("compute_dtype", "bfloat16", "bnb-nf4", CPU, SEVEN, True, None, ""),
    ("compute_dtype", "float32", "bnb-nf4", CPU, SEVEN, True, "bnb_bfloat16", ""),
    ("compute_dtype", "float32", "bnb-nf4", AVX2, SEVEN, True, None, ""),
    ("compute_dtype", "float16", "bnb-fp4", AVX2, SEVEN, True, "cpu_float16", ""),
    ("compute_dtype", "float16", "bnb-fp4", all_of(with_features("avx512_fp16")), SEVEN, True, None, ""),
    ("compute_dtype", "bfloat16", "bnb-nf4", TURING, SEVEN, False, "gpu_too_old", "float16"),
    ("compute_dtype", "float16", "bnb-nf4", TURING, SEVEN, True, None, ""),
    ("compute_dtype", "bfloat16", "bnb-nf4", AMPERE, SEVEN, True, None, ""),
    ("compute_dtype", "float32", "hqq-int4", CPU, SEVEN, False, "hqq_compute", "compute_dtype=auto"),
    ("compute_dtype", "bfloat16", "hqq-int4", CPU, SEVEN, True, None, ""),
    ("compute_dtype", "float32", "hqq-int4", CPU, None, True, None, ""),
    ("compute_dtype", "float32", "hqq-int4", AMPERE, SEVEN, False, "hqq_compute", "compute_dtype=auto"),
    ("bnb_double_quant", False, "bnb-nf4", CPU, SEVEN, True, None, ""),
    ("bnb_double_quant", True, "bnb-nf4", CPU, SEVEN, True, "double_quant_undone", ""),
    ("bnb_double_quant", True, "bnb-nf4", AVX2, SEVEN, True, None, ""),
    ("bnb_double_quant", True, "bnb-nf4", AMPERE, SEVEN, True, None, ""),
    ("group_size", "auto", "torchao-int4-weight", CPU, None, True, None, ""),
    ("group_size", "auto", "torchao-int4-weight", CPU, SMOL, True, None, ""),
    ("group_size", 128, "bnb-nf4", CPU, SMOL, True, None, ""),
    ("group_size", 32, "torchao-int4-weight", CPU, SMOL, True, None, ""),
    ("group_size", 128, "torchao-int4-weight", CPU, SMOL, True, "group_skips", ""),
    ("group_size", 128, "torchao-int4-weight", CPU, SEVEN, True, None, ""),
    ("group_size", 128, "torchao-int4-weight", CPU, None, True, None, ""),
    ("group_size", 256, "torchao-int4-weight", CPU, SEVEN, False, "int4_group", "group_size=64"),
    ("group_size", 256, "torchao-int4-weight", AMPERE, SEVEN, True, None, ""),
    ("group_size", 48, "torchao-int4-weight", AMPERE, SEVEN, False, "int4_group", "group_size=64"),
    ("group_size", 128, "torchao-int4-weight", CPU,
     model(config={**SMOL.config, "hidden_size": 192, "num_attention_heads": 3, "intermediate_size": 320}),
     False, "group_divides", "group_size=32"),
    ("group_size", 1024, "hqq-int4", CPU, SMOL, True, None, ""),  # the whole matrix is grouped, not its rows
    ("group_size", 896, "hqq-int4", CPU, SMOL, False, "group_divides", "group_size=32"),
    ("quantize_head", False, "bnb-nf4", CPU, SMOL, True, None, ""),
    ("quantize_head", True, "bnb-nf4", CPU, None, True, None, ""),
    ("quantize_head", True, "bnb-nf4", CPU, TIED, True, "head_copy", ""),
    ("quantize_head", True, "torchao-int8-weight", AMPERE, SEVEN, True, None, ""),
    ("quantize_head", True, "bnb-nf4", CPU, NF4_FILES, False, "head_of_files", "quantize_head=off"),
    ("group_size", "auto", "gptq", CPU, SMOL, True, None, ""),
    ("group_size", 128, "gptq", CPU, SMOL, True, "group_of_copy", ""),
]  # fmt: skip


@pytest.mark.parametrize(("value", "where", "what", "knobs", "ok", "code", "remedy"), FORMATS_ASKED)
def test_quantization(
    value: str, where: Machine, what: Any, knobs: dict[str, Any], ok: bool, code: str | None, remedy: str
) -> None:
    check(ask("quantization", value, where, what, **knobs), ok, code, remedy)


@pytest.mark.parametrize(("knob", "value", "chosen", "where", "what", "ok", "code", "remedy"), SUB_KNOBS)
def test_sub_knobs(
    knob: str, value: Any, chosen: str, where: Machine, what: Any, ok: bool, code: str | None, remedy: str
) -> None:
    check(ask(knob, value, where, what, quantization=chosen), ok, code, remedy)


def test_every_answer_has_words() -> None:
    machines = (PLAIN, CPU, NO_AVX2, AMPERE, HOPPER, OLD_KERNELS, MAXWELL, ON_MAC, ON_WINDOWS)
    for value, where, what in product(FORMATS, machines, (None, SEVEN, V3, GPTQ, ODD)):
        found = ask("quantization", value, where, what)
        assert found.ok or (found.reason and found.remedy)
        assert "{" not in f"{found.reason}{found.remedy}{found.note}"


def test_the_head_is_asked_of_formats_that_are_made_here_on_one_device() -> None:
    knob = KNOBS["quantize_head"]
    mattering = {name for name in FORMATS if knob.when({**Config(), "quantization": name})}
    assert set(FORMATS) - mattering == {"gptq", "awq", "fp8"}
    assert not knob.when({**Config(), "quantization": "auto"})
    with pytest.raises(ConfigError, match="quantize_head"):
        Config(device_map="auto", quantization="bnb-nf4", quantize_head=True)


def test_the_share_that_stays_in_full_is_told() -> None:
    note = ask("quantization", "bnb-nf4", CPU, V2).note
    assert note is not None
    assert note.params == {"package": "bitsandbytes", "percent": 92}
    skipped = ask("group_size", 128, CPU, SMOL, quantization="torchao-int4-weight").note
    assert skipped is not None
    assert skipped.params["columns"] == "576"
    # of a layer: q, k, v, o and gate, up have rows of 576; down has 1536
    quarter = 2 * 576 * 576 + 2 * 192 * 576 + 2 * 1536 * 576
    assert skipped.params["percent"] == round(100 * quarter / (quarter + 576 * 1536))


def test_16_bits_on_a_processor_that_multiplies_them_slowly_are_told() -> None:
    assert str(ask("dtype", "float16", PLAIN).note).startswith("this processor has no float16")
    assert ask("dtype", "float16", FP16_CPU).note is None
    assert ask("dtype", "float16", A100).note is None
    assert str(ask("dtype", "bfloat16", AVX2).note).startswith("this processor has no fast bfloat16")
    assert ask("dtype", "bfloat16", with_features("avx2", "avx512f")).note is None  # oneDNN's own
    assert ask("dtype", "bfloat16", A100).note is None
    assert ask("dtype", "float32", AVX2).note is None


def test_what_is_left_follows_the_knobs() -> None:
    known = layout(V2.config)
    assert known is not None
    values = {"quantization": "bnb-int8", "skip_modules": ("layers.3", "o_proj")}
    found = split(known, values, repacks=False)
    assert len(found.refused) == 26  # of 27 layers' kv_b_proj; one is left as asked
    names = {layer.name for layer in found.quantized}
    assert not any(".layers.3." in name or name.endswith("o_proj") or ".experts." in name for name in names)
    assert found.experts_share == pytest.approx(0.917, abs=0.001)
    from_files = split(known, {"quantization": "fp8"}, repacks=False, files=True)
    assert from_files.experts_share == 0
    assert len(from_files.quantized) == len(known.layers)


def test_an_architecture_that_is_not_known_has_no_layout() -> None:
    assert layout({"model_type": "gpt2", "hidden_size": 1}) is None
    assert layout({**SMOL.config, "hidden_size": None}) is None
    assert layout({}) is None
