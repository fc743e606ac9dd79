"""The exported file says what the engine says: kernels, caches, loops and number formats."""

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from tests.export.running import PROMPTS, Ask, exported_and_said, write
from workbench import export
from workbench.config import Config
from workbench.engine import fp8_files

pytestmark = pytest.mark.model


@pytest.mark.parametrize(
    "changes",
    [
        {"autocast": "bfloat16", "sdpa_backend": "math", "attention_mask": "ones", "tf32": True},
        {"cache": "quantized", "cache_backend": "fp8"},
        {"repetition_penalty": 1.3, "no_repeat_ngram_size": 2, "stop_strings": ["e"], "stop_at_sentence": 2},
        {"offloaded_layers": 1},
        pytest.param({"compile": "default", "freezing": "off"}, marks=pytest.mark.slow),
        pytest.param({"compile": "max-autotune"}, marks=pytest.mark.slow),
    ],
    ids=["scoped", "quantized", "stops", "away", "compiled", "autotuned"],
)
def test_kernels_caches_and_loops_say_what_the_engine_says(
    ask: Ask, random_llama: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    config = Config(dtype="float32", threads=1, **changes)
    code = write(tmp_path, export.render("transformers", config, model=str(random_llama)))
    assert ask(code, PROMPTS)["ids"] == exported_and_said(random_llama, config)[1]


def test_the_carried_loop_decodes_as_the_engine_does(ask: Ask, random_llama: Path, tmp_path: Path) -> None:
    """Without the compiler, which the slow tests have: everything but the machine code."""
    config = Config(dtype="float32", threads=1, compile="default", cache_length=128)
    code = write(tmp_path, export.render("transformers", config, model=str(random_llama)))
    plain = config.replace(compile="off")
    assert ask(code, PROMPTS, TORCHDYNAMO_DISABLE="1")["ids"] == exported_and_said(random_llama, plain)[1]


FORMATS = [
    {"quantization": "bnb-nf4", "dtype": "float32", "skip_modules": ["layers.0.mlp", "o_proj"]},
    {"quantization": "torchao-int8-weight", "dtype": "bfloat16"},
    {"quantization": "bnb-nf4", "dtype": "bfloat16", "quantize_head": True},
    {"quantization": "torchao-int8-dynamic", "dtype": "float32", "quantize_head": True},
    pytest.param({"quantization": "bnb-int8", "dtype": "bfloat16", "quantize_head": True}, marks=pytest.mark.slow),
    *(
        pytest.param({"quantization": name, "dtype": "bfloat16"}, marks=pytest.mark.slow)
        for name in ("bnb-int8", "bnb-fp4", "torchao-int8-dynamic", "torchao-int4-weight", "torchao-float8")
    ),
]


@pytest.mark.parametrize("changes", FORMATS, ids=str)
def test_a_quantised_model_says_what_the_engine_says(
    ask: Ask, random_llama: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    config = Config(threads=1, **changes)
    code, ids = exported_and_said(random_llama, config)
    assert ask(write(tmp_path, code), PROMPTS)["ids"] == ids
    if config.quantization == "bnb-nf4":  # another choice of layers, another answer: the list is heard
        others = config.replace(skip_modules="auto", quantize_head=False)
        assert exported_and_said(random_llama, others)[1] != ids


@pytest.mark.slow
@pytest.mark.parametrize(
    ("quantization", "module"),
    [("hqq-int4", "hqq"), ("hqq-int8", "hqq"), ("quanto-int8", "optimum.quanto"), ("quanto-int4", "optimum.quanto")],
)
def test_formats_of_further_packages_say_what_the_engine_says(
    ask: Ask, random_llama: Path, tmp_path: Path, quantization: str, module: str
) -> None:
    pytest.importorskip(module)
    code, ids = exported_and_said(random_llama, Config(threads=1, dtype="float32", quantization=quantization))
    assert ask(write(tmp_path, code), PROMPTS)["ids"] == ids


@pytest.mark.parametrize("dtype", ["float32", pytest.param("auto", marks=pytest.mark.slow)])
def test_fp8_files_are_dequantised_in_the_code_as_on_the_bench(
    ask: Ask, dtype: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, random_llama: Path
) -> None:
    folder = tmp_path_factory.mktemp("fp8") / "tiny-v3"
    fp8_files.write(folder, AutoTokenizer.from_pretrained(random_llama))
    code, ids = exported_and_said(folder, Config(threads=1, dtype=dtype, quantization="none"))
    assert "FineGrainedFP8Config" in code
    assert ask(write(tmp_path, code), PROMPTS)["ids"] == ids
