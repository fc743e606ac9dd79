"""Sizes computed without torch against the modules that transformers builds, and against published numbers."""

import json
import subprocess
import sys
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from workbench.catalog import MODELS, hf_config, kv_values_per_token, parameters, step_parameters
from workbench.errors import ModelError

SHAPED = [slug for slug in MODELS if slug != "deepseek-v4-flash-base"]
EXTRA: list[dict[str, Any]] = [
    {"model_type": "llama", "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True, "head_dim": 16},
    {"model_type": "qwen2", "tie_word_embeddings": True},
    {"model_type": "qwen3", "head_dim": 32},
]
SMALL = {
    "vocab_size": 500,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
}


def on_meta(config: dict[str, Any]) -> Any:
    values = dict(config)
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(AutoConfig.for_model(values.pop("model_type"), **values))


def parts_of(model: Any) -> dict[str, int]:
    counted = dict.fromkeys(("embedding", "attention", "mlp", "experts", "norms", "head"), 0)
    for name, parameter in model.named_parameters():
        if "norm" in name:
            part = "norms"
        elif "self_attn" in name:
            part = "attention"
        elif ".experts." in name:
            part = "experts"
        elif ".mlp." in name:
            part = "mlp"
        else:
            part = {"lm_head.weight": "head", "model.embed_tokens.weight": "embedding"}[name]
        counted[part] += parameter.numel()
    return counted


@pytest.mark.parametrize("slug", SHAPED)
def test_each_part_is_exactly_what_transformers_builds(slug: str) -> None:
    config = hf_config(slug)
    model, ours = on_meta(config), parameters(config)
    assert {part: getattr(ours, part) for part in parts_of(model)} == parts_of(model)
    assert ours.total == model.num_parameters()


@pytest.mark.parametrize("extra", EXTRA, ids=lambda extra: extra["model_type"])
def test_variants_are_exact_too(extra: dict[str, Any]) -> None:
    config = {**SMALL, **extra}
    model, ours = on_meta(config), parameters(config)
    assert {part: getattr(ours, part) for part in parts_of(model)} == parts_of(model)
    assert ours.tied == bool(extra.get("tie_word_embeddings"))


@pytest.mark.parametrize(
    ("slug", "billions"),
    [
        ("deepseek-llm-7b-base", 6.910),
        ("deepseek-coder-1.3b-base", 1.346),
        ("deepseek-coder-6.7b-base", 6.741),
        ("deepseek-r1-distill-qwen-1.5b", 1.777),
        ("deepseek-r1-distill-qwen-7b", 7.616),
        ("deepseek-r1-distill-llama-8b", 8.030),
        ("deepseek-v2-lite", 15.706),
        ("deepseek-v3", 671.026),
    ],
)
def test_totals_are_the_published_ones(slug: str, billions: float) -> None:
    assert parameters(hf_config(slug)).total / 1e9 == pytest.approx(billions, abs=0.0006)


@pytest.mark.parametrize(("slug", "billions"), [("deepseek-v3", 37), ("deepseek-r1", 37), ("deepseek-v2-lite", 2.4)])
def test_active_parameters_are_the_published_ones(slug: str, billions: float) -> None:
    parts = parameters(hf_config(slug))
    # the reports count the input table too
    assert (parts.active + parts.embedding) / 1e9 == pytest.approx(billions, rel=0.12)


@pytest.mark.parametrize(
    ("slug", "version", "bytes_per_token"),
    [
        ("deepseek-llm-7b-base", None, 491_520),
        ("deepseek-coder-1.3b-base", None, 196_608),
        ("deepseek-coder-6.7b-base", None, 524_288),
        ("deepseek-r1-distill-qwen-1.5b", None, 28_672),
        ("deepseek-r1-distill-qwen-7b", None, 57_344),
        ("deepseek-r1-distill-llama-8b", None, 131_072),
        ("deepseek-v2-lite", "5.9.0", 276_480),
        ("deepseek-v2-lite", "5.18.0", 31_104),
        ("deepseek-v3", "5.9.0", 4_997_120),
        ("deepseek-v3", None, 70_272),
    ],
)
def test_kv_bytes_per_token_in_16_bits(slug: str, version: str | None, bytes_per_token: int) -> None:
    assert 2 * kv_values_per_token(hf_config(slug), version) == bytes_per_token


@pytest.mark.parametrize("slug", SHAPED)
def test_the_cache_really_holds_that_much(slug: str) -> None:
    config = hf_config(slug, scale="tiny")
    expected = kv_values_per_token(config)
    values = {**config, "vocab_size": 64}
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(values.pop("model_type"), **values)).eval()
    with torch.inference_mode():
        layers = model(torch.zeros((1, 5), dtype=torch.long), use_cache=True).past_key_values.layers
    held = sum(part.numel() for layer in layers for part in vars(layer).values() if isinstance(part, torch.Tensor))
    assert held == 5 * expected


def test_a_step_reads_more_experts_with_more_rows() -> None:
    parts = parameters(hf_config("deepseek-v2-lite"))
    everything = parts.total - parts.embedding
    one = step_parameters(parts, 1)
    assert one == parts.active
    assert one < step_parameters(parts, 8) < everything
    assert step_parameters(parts, 1000) == pytest.approx(everything)
    dense = parameters(hf_config("deepseek-llm-7b-base"))
    assert step_parameters(dense, 1) == step_parameters(dense, 64) == dense.total - dense.embedding


def test_a_tied_table_is_read_once() -> None:
    parts = parameters({**SMALL, "model_type": "llama", "tie_word_embeddings": True})
    assert step_parameters(parts) == parts.total == parts.active


@pytest.mark.parametrize("function", [parameters, kv_values_per_token])
def test_an_unknown_architecture_is_named(function: Any) -> None:
    with pytest.raises(ModelError, match="deepseek_v4"):
        function(hf_config("deepseek-v4-flash-base"))


@pytest.mark.parametrize("value", [None, "4096", 0, True])
def test_a_config_that_lacks_a_width_is_named(value: Any) -> None:
    with pytest.raises(ModelError, match="hidden_size"):
        parameters({**SMALL, "model_type": "llama", "hidden_size": value})


def test_the_catalogue_imports_no_torch() -> None:
    code = (
        "import sys, json, workbench.catalog, workbench.forecast, workbench.runs;"
        "print(json.dumps([name for name in ('torch', 'transformers') if name in sys.modules]))"
    )
    shown = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout
    assert json.loads(shown) == []
