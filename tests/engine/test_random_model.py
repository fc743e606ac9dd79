"""Random models: the name, the weights, every architecture of the catalogue."""

from pathlib import Path
from typing import Any

import pytest
import torch

from workbench.catalog import MODELS, hf_config, parameters
from workbench.catalog.random_names import RandomSpec, parse
from workbench.engine.random_model import build
from workbench.errors import CapabilityError, ModelError

CPU = torch.device("cpu")
TINY = "random:deepseek-v3?scale=tiny"
TEXT = "The sea is wide and deep, and a small boat rows across the bay to the far shore."


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("random:deepseek-v3", RandomSpec("deepseek-v3")),
        ("random:deepseek-ai/DeepSeek-V3?layers=2", RandomSpec("deepseek-v3", layers=2)),
        ("random:deepseek-r1?seed=7&scale=tiny", RandomSpec("deepseek-r1", scale="tiny", seed=7)),
        ("random:deepseek-r1?layers=3&scale=tiny&seed=7", RandomSpec("deepseek-r1", 3, "tiny", 7)),
    ],
)
def test_a_name_is_parsed_and_written_again(name: str, spec: RandomSpec) -> None:
    assert parse(name) == spec
    assert parse(spec.name) == spec


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("random:deepseek-v2-light", "deepseek-v2-lite"),
        ("random:", "deepseek-llm-7b-base"),
        ("random:deepseek-v3?layer=2", "unknown key 'layer'"),
        ("random:deepseek-v3?layers=two", "layers='two' is not a whole number"),
        ("random:deepseek-v3?layers=-1", "layers='-1' is not a whole number"),
        ("random:deepseek-v3?layers=0", "cannot be built with 0 layers"),
        ("random:deepseek-v3?layers=62", "It has 61"),
        ("random:deepseek-v3?scale=huge", "scale='huge' is not tiny"),
        ("random:deepseek-v3?seed=", "seed='' is not a whole number"),
        ("random:deepseek-v3?tiny", "is not key=value"),
        ("random:deepseek-v3?seed=1&seed=2", "a key is given twice"),
    ],
)
def test_a_name_that_cannot_be_says_why(name: str, said: str) -> None:
    with pytest.raises(ModelError) as caught:
        parse(name)
    assert said in str(caught.value)


def test_notes_tell_what_the_numbers_are_worth() -> None:
    dense = " ".join(str(note) for note in parse("random:deepseek-llm-7b-base").notes)
    routed = " ".join(str(note) for note in parse("random:deepseek-v2-lite?layers=2").notes)
    tiny = " ".join(str(note) for note in parse(TINY).notes)
    assert "does not depend on the weights' values" in dense
    assert "routing depends on the weights' values" in routed
    assert "does not depend" not in routed
    assert "2 of 27 layers" in routed
    assert "reduced to test size" in tiny
    assert all("speculative" in notes for notes in (dense, routed, tiny))


def logits(model: Any, tokenizer: Any) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = model(**tokenizer(TEXT, return_tensors="pt")).logits
    return found


def generated(model: Any, tokenizer: Any) -> list[int]:
    ids = tokenizer(TEXT, return_tensors="pt")
    made = model.generate(**ids, max_new_tokens=4, min_new_tokens=4, do_sample=False)
    new: list[int] = made[0, ids["input_ids"].shape[1] :].tolist()
    return new


@pytest.mark.model
@pytest.mark.parametrize("slug", MODELS)
def test_every_model_of_the_catalogue_builds_and_generates(demo_home: Path, slug: str) -> None:
    spec = parse(f"random:{slug}?scale=tiny&layers={4 if slug == 'deepseek-v4-flash-base' else 2}")
    model, tokenizer = build(spec, torch.float32, CPU, "eager")
    assert type(model).__name__ == MODELS[slug].architecture
    assert not model.training
    eager = logits(model, tokenizer)
    assert torch.isfinite(eager).all()
    assert 0.5 < eager.std() < 2.0
    assert len(generated(model, tokenizer)) == 4
    if slug == "deepseek-v4-flash-base":
        with pytest.raises(CapabilityError, match="does not support sdpa"):
            build(spec, torch.float32, CPU, "sdpa")
        return
    assert model.num_parameters() == parameters(spec.config).total
    again, _ = build(spec, torch.float32, CPU, "sdpa")
    assert again.config._attn_implementation == "sdpa"
    torch.testing.assert_close(logits(again, tokenizer), eager, atol=1e-4, rtol=1e-4)
    assert generated(again, tokenizer) == generated(model, tokenizer)


@pytest.mark.model
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_16_bits_stay_finite_and_without_ties_at_the_top(demo_home: Path, dtype: torch.dtype) -> None:
    model, tokenizer = build(parse(TINY), dtype, CPU, "sdpa")
    assert {parameter.dtype for parameter in model.parameters()} == {dtype}
    found = logits(model, tokenizer)[0].float()
    assert torch.isfinite(found).all()
    best = found.topk(2).values
    assert (best[:, 0] > best[:, 1]).float().mean() > 0.8


@pytest.mark.model
def test_the_seed_decides_the_weights_and_leaves_torch_as_it_was(demo_home: Path) -> None:
    state = torch.random.get_rng_state()
    first, same, other = (
        dict(build(parse(f"{TINY}&layers=2&seed={seed}"), torch.float32, CPU)[0].named_parameters())
        for seed in (1, 1, 2)
    )
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.get_default_dtype() is torch.float32
    for name, weight in first.items():
        assert torch.equal(weight, same[name])
        assert torch.equal(weight, other[name]) == ("norm" in name)


@pytest.mark.model
def test_latent_attention_sparse_choice_and_groups_are_really_there(demo_home: Path) -> None:
    model, tokenizer = build(parse("random:deepseek-v3.2-exp?scale=tiny"), torch.float32, CPU, "eager")
    with torch.inference_mode():
        cache = model(**tokenizer(TEXT, return_tensors="pt")).past_key_values
    tokens = len(tokenizer(TEXT)["input_ids"])
    assert tokens > model.config.index_topk  # so that the indexer leaves tokens out
    assert tuple(cache.layers[0].keys.shape) == (1, 1, tokens, model.config.kv_lora_rank)
    names = [name for name, _ in model.named_parameters()]
    assert any("layers.0.mlp.gate_proj" in name for name in names)  # the dense first layer
    assert any("layers.1.mlp.shared_experts" in name for name in names)
    assert any("layers.1.mlp.experts" in name for name in names)


@pytest.mark.model
def test_end_tokens_are_the_published_ones_at_full_width(demo_home: Path) -> None:
    spec = parse("random:deepseek-coder-1.3b-instruct?layers=1")
    model, tokenizer = build(spec, torch.bfloat16, CPU)
    assert model.config.vocab_size == 32256 == hf_config(spec.slug)["vocab_size"]
    assert (model.generation_config.eos_token_id, model.generation_config.pad_token_id) == (32021, 32014)
    tiny, _ = build(parse("random:deepseek-coder-1.3b-instruct?layers=1&scale=tiny"), torch.bfloat16, CPU)
    assert tiny.generation_config.eos_token_id == tokenizer.eos_token_id


@pytest.mark.model
def test_text_stays_within_a_vocabulary_smaller_than_the_tokenizers(demo_home: Path) -> None:
    model, tokenizer = build(parse("random:deepseek-coder-1.3b-base?layers=1"), torch.bfloat16, CPU)
    whole = build(parse("random:deepseek-coder-1.3b-base?layers=1&scale=tiny"), torch.bfloat16, CPU)[1]
    mixed = "Thermodynamics, photosynthesis; 深度求索 x²+1: def f(x): return x\n" * 3
    assert max(whole(mixed)["input_ids"]) >= model.config.vocab_size  # this text would have broken the lookup
    ids = tokenizer(mixed)["input_ids"]
    assert max(ids) < model.config.vocab_size
    assert tokenizer.decode(ids) == mixed
    chat = [{"role": "user", "content": "Hello"}]
    assert tokenizer.apply_chat_template(chat, tokenize=False) == whole.apply_chat_template(chat, tokenize=False)
    assert (tokenizer.eos_token_id, tokenizer.pad_token_id) == (whole.eos_token_id, whole.pad_token_id)


@pytest.mark.gpu
def test_a_7b_on_a_gpu_takes_its_weights_and_no_more(demo_home: Path) -> None:
    device = torch.device("cuda:0")
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    model, tokenizer = build(parse("random:deepseek-llm-7b-base"), torch.bfloat16, device)
    weights = sum(parameter.nbytes for parameter in model.parameters())
    assert torch.cuda.max_memory_allocated(device) - before < 1.1 * weights
    ids = tokenizer(TEXT, return_tensors="pt").to(device)
    assert torch.isfinite(model(**ids).logits).all()
