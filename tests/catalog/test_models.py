"""The catalogue's data: every value has a source, and names lead where they should."""

import json
from pathlib import Path

import pytest

from workbench.catalog import GPUS, MODELS, Fact, gpu, hf_config, model
from workbench.errors import ConfigError, ModelError

DATA = Path(__file__).parents[2] / "workbench" / "catalog"


@pytest.mark.parametrize("name", ["models", "gpus"])
def test_every_source_is_used_and_every_value_has_one(name: str) -> None:
    document = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    text = json.dumps(document[name])
    assert [key for key in document["sources"] if f'"{key}"]' not in text] == []
    facts: list[Fact] = []
    for entry in (MODELS if name == "models" else GPUS).values():
        for value in vars(entry).values():
            if isinstance(value, Fact):
                facts.append(value)
            elif hasattr(value, "values"):
                facts += value.values()
    assert len(facts) > 50
    assert all(len(fact.source) > 10 for fact in facts)


def test_the_catalogue_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        MODELS["mine"] = model("deepseek-v3")  # type: ignore[index]
    with pytest.raises(TypeError):
        MODELS["deepseek-v3"].config["hidden_size"] = Fact(1, "me")  # type: ignore[index]
    with pytest.raises(AttributeError):
        gpu("h200").name = "mine"  # type: ignore[misc]


def test_slugs_are_hub_names_in_lower_case() -> None:
    for slug, entry in MODELS.items():
        assert entry.hub_id.lower() == f"deepseek-ai/{slug}"
        assert model(entry.hub_id) is entry


def test_an_unknown_slug_names_the_nearest_and_the_list() -> None:
    with pytest.raises(ModelError) as caught:
        model("deepseek-v2-light")
    assert "deepseek-v2-lite" in caught.value.next_step
    assert "deepseek-r1-distill-llama-8b" in caught.value.why


def test_an_unknown_gpu_names_the_nearest_and_the_list() -> None:
    with pytest.raises(ConfigError) as caught:
        gpu("rtx4090")
    assert "rtx-4090" in caught.value.next_step
    assert "h200" in caught.value.why


@pytest.mark.parametrize(
    ("slug", "bos", "eos", "pad"),
    [
        ("deepseek-llm-7b-base", 100000, 100001, 100001),
        ("deepseek-coder-6.7b-instruct", 32013, 32021, 32014),
        ("deepseek-coder-1.3b-base", 32013, 32014, 32014),
        ("deepseek-r1", 0, 1, 1),
        ("deepseek-r1-distill-qwen-7b", 151646, 151643, 151643),
        ("deepseek-r1-distill-llama-8b", 128000, 128001, 128001),
    ],
)
def test_token_ids(slug: str, bos: int, eos: int, pad: int) -> None:
    tokens = model(slug).tokens
    assert (tokens["bos"].value, tokens["eos"].value, tokens["pad"].value) == (bos, eos, pad)
    assert "pad_token_id" not in hf_config(slug)  # the hub configs leave it unset


def test_layers_keep_a_mixture_of_experts() -> None:
    config = hf_config("deepseek-v3", layers=2)
    assert (config["num_hidden_layers"], config["first_k_dense_replace"]) == (2, 1)
    assert config["hidden_size"] == 7168
    assert hf_config("deepseek-v3")["first_k_dense_replace"] == 3


@pytest.mark.parametrize("layers", [0, -1, 31, 10**9])
def test_a_layer_count_that_cannot_be(layers: int) -> None:
    with pytest.raises(ModelError, match="has 30"):
        hf_config("deepseek-llm-7b-base", layers=layers)


def test_tiny_keeps_every_mechanism() -> None:
    v2, v3 = hf_config("deepseek-v2-lite", scale="tiny"), hf_config("deepseek-r1", scale="tiny")
    for config in (v2, v3):
        assert 0 < config["first_k_dense_replace"] < config["num_hidden_layers"]
        assert config["num_experts_per_tok"] < config["n_routed_experts"]
        assert config["rope_parameters"]["rope_type"] == "yarn"
    assert (v2["q_lora_rank"], v2["n_shared_experts"], v2["n_group"]) == (None, 2, 1)
    assert (v3["q_lora_rank"], v3["n_shared_experts"], v3["n_group"]) == (64, 1, 2)
    mha, gqa = (hf_config(f"deepseek-{name}", scale="tiny") for name in ("llm-7b-base", "r1-distill-qwen-7b"))
    assert mha["num_key_value_heads"] == mha["num_attention_heads"]
    assert 1 < gqa["num_key_value_heads"] < gqa["num_attention_heads"]
