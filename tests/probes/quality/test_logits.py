"""Logits by chunks: what the model itself says, whatever it does after the head, and never all of them at once."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, GraniteConfig, GraniteForCausalLM, LlamaConfig, LlamaForCausalLM

from tests.probes.quality.test_distributions import peak_bytes
from workbench.engine.demo import ensure_demo
from workbench.engine.engine import Engine
from workbench.probes.context import Context
from workbench.probes.quality import candidate, reference
from workbench.probes.quality.logits import Reader, chunk_of, row_of, vocabulary_of
from workbench.results import Reference
from workbench.runs.references import keep
from workbench.suites import Passage, Prompt, Suite

pytestmark = pytest.mark.model

SHAPE: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "tie_word_embeddings": False,
}
CONTEXT = Context(lambda _name, _data: None)


def engine_of(model: Any) -> Engine:
    engine = Engine()
    engine.attach(model.eval(), AutoTokenizer.from_pretrained(ensure_demo()), CONTEXT)
    return engine


@pytest.fixture
def llama(demo_home: object) -> Iterator[Engine]:
    torch.manual_seed(0)
    engine = engine_of(LlamaForCausalLM(LlamaConfig(vocab_size=49_152, **SHAPE)))
    yield engine
    engine.close()


@pytest.fixture
def capped(demo_home: object) -> Iterator[Engine]:
    """A model that scales its logits after the head."""
    torch.manual_seed(0)
    engine = engine_of(GraniteForCausalLM(GraniteConfig(vocab_size=49_152, logits_scaling=0.25, **SHAPE)))
    yield engine
    engine.close()


def all_logits(engine: Engine, first: int, end: int) -> tuple[torch.Tensor, torch.Tensor, Reader]:
    """By chunks, and by the model itself."""
    batch = row_of(engine, tuple(range(5, 205)))
    reader = Reader(engine, CONTEXT)
    parts = list(reader.logits(batch, first, end))
    assert [where.start for where, _logits in parts] == list(range(first, end, chunk_of(49_152)))
    with torch.no_grad():
        own = engine.model(**batch).logits[:, first:end]
    return torch.cat([logits for _where, logits in parts], dim=1), own, reader


def test_chunks_are_the_models_own_logits(llama: Engine) -> None:
    ours, own, reader = all_logits(llama, 3, 199)
    assert not reader.whole
    assert ours.shape == own.shape == (1, 196, 49_152)
    assert torch.allclose(ours, own, atol=1e-4)


def test_a_model_that_does_more_than_its_head_is_asked_itself(capped: Engine) -> None:
    ours, own, reader = all_logits(capped, 3, 199)
    assert reader.whole
    assert torch.allclose(ours, own, atol=1e-4)


def test_a_vocabulary_of_100_000_takes_less_than_a_gibibyte(demo_home: object) -> None:
    torch.manual_seed(0)
    engine = engine_of(LlamaForCausalLM(LlamaConfig(vocab_size=102_400, **SHAPE)))
    assert vocabulary_of(engine) == 102_400
    text = " ".join(str(number) for number in range(400))
    passages = (
        Passage(domain="own_text", text=text, tokens=200),
        Passage(domain="own_text", text=text[9:], tokens=200),
    )
    suite = Suite(name="file", version="1", passages=passages, prompts=(Prompt(domain="own_text", text="Hello"),))
    config = engine.config.replace(attention="eager").to_dict()
    parameters: dict[str, Any] = {"suite": suite.to_dict(), "name": "reference-wide.safetensors", "config": config}
    with torch.profiler.profile(profile_memory=True) as making:
        made: Reference = engine.probe(reference.run, parameters, CONTEXT)
    keep("wide", made)
    with torch.profiler.profile(profile_memory=True) as judging:
        found = engine.probe(candidate.run, {"suite": suite.to_dict(), "reference": made.to_dict()}, CONTEXT)
    engine.close()
    whole = 4 * 102_400 * (made.texts[0].positions + made.texts[1].positions)
    assert peak_bytes(judging) < 2**29
    assert peak_bytes(making) < 2**29 + made.bytes < 2**30
    assert found.overall.kld.mean < 1e-5
    assert whole > 1.5e8  # what is never held at once in float32
