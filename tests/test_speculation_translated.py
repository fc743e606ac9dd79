"""A drafter with another vocabulary, whose drafts travel as text; and one that drafts while the model samples."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import workbench as wb
from workbench.catalog.random_names import parse
from workbench.engine import random_model
from workbench.results import Drafts

CONFIG = wb.Config(dtype="float32", threads=1)
NAME = "random:deepseek-llm-7b-base?scale=tiny"
PROMPT = "one two three four one two three four one two three"
SAID = """
import json, sys
import load_model
tokenizer, model = load_model.load()
print(json.dumps(load_model.generate(tokenizer, model, [sys.argv[1]], max_new_tokens=12)))
"""


@pytest.fixture(scope="module")
def drafter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two layers with random weights, and byte-level words of its own."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("drafters") / "small"
    bytewise = pre_tokenizers.ByteLevel
    rules = Tokenizer(models.BPE())
    rules.pre_tokenizer, rules.decoder = bytewise(add_prefix_space=False), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=bytewise.alphabet(), special_tokens=["<end>"])
    rules.train_from_iterator(["one two three four the sea the sea one two"] * 20, trainer)
    PreTrainedTokenizerFast(tokenizer_object=rules, eos_token="<end>", pad_token="<end>").save_pretrained(folder)
    torch.manual_seed(3)
    shape = LlamaConfig(
        vocab_size=rules.get_vocab_size(),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        bos_token_id=0,
        eos_token_id=0,
        initializer_range=0.5,
    )
    LlamaForCausalLM(shape).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, demo_home: Path) -> Path:
    folder = tmp_path_factory.mktemp("models") / "llama"
    for part in random_model.build(parse(NAME), torch.float32, torch.device("cpu")):
        part.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def session(model: Path) -> Iterator[wb.Session]:
    with wb.Session(str(model), config=CONFIG, host="inline") as session:
        yield session


@pytest.fixture(autouse=True)
def _plain(session: wb.Session) -> Iterator[None]:
    yield
    session.apply(CONFIG)


def drafts(session: wb.Session) -> Drafts:
    found = session._bench.host.engine.drafts  # type: ignore[union-attr]
    assert isinstance(found, Drafts)
    return found


def test_translated_drafts_change_no_token(session: wb.Session, drafter: Path, tmp_path: Path) -> None:
    plain = session.generate(PROMPT, max_new_tokens=12)[0].token_ids
    applied = session.apply(speculation="assistant", assistant_model=str(drafter), speculation_tokens=3)
    assert (applied.resolved.speculation, applied.resolved.assistant) == ("assistant", "small")
    assert session.resolved.differences(session.config) == ()
    assert session.generate(PROMPT, max_new_tokens=12)[0].token_ids == plain
    assert (drafts(session).drafter, drafts(session).draft_passes > 0) == ("assistant", True)
    assert tuple(chunk.token_id for chunk in session.stream(PROMPT, max_new_tokens=9)) == plain[:9]

    (tmp_path / "load_model.py").write_text(session.export("transformers").code, encoding="utf-8")
    words = [sys.executable, "-c", SAID, PROMPT]
    ran = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == [list(plain)]


def test_a_study_takes_such_a_drafter(session: wb.Session, drafter: Path) -> None:
    mode = {"speculation": "assistant", "assistant_model": str(drafter)}
    [run] = session.speculation(mode, PROMPT, precision=5.0, budget_s=0.5, new_tokens=8).runs
    assert run.drafts.drafter == "assistant"
    assert run.comparison.agreement is not None
    assert run.comparison.agreement.first_divergence is None
    record = session.runs.list(kind="speculation")[0]
    assert record["result"]["runs"][0]["mode"]["assistant_model"] == "small"
    assert str(drafter.parent) not in json.dumps(record)


def test_translated_drafts_are_for_greedy_decoding(session: wb.Session, drafter: Path) -> None:
    with pytest.raises(wb.CapabilityError) as caught:
        session.apply(speculation="assistant", assistant_model=str(drafter), do_sample=True)
    assert caught.value.code == "speculation.sampling_translated"
    assert session.config == CONFIG


def test_a_twin_drafts_for_sampling(session: wb.Session) -> None:
    session.apply(speculation="assistant", assistant_model=NAME, speculation_tokens=3, do_sample=True, temperature=0.7)
    first, again, other = (session.generate(PROMPT, max_new_tokens=24, seed=seed)[0] for seed in (5, 5, 6))
    assert len(first.token_ids) == 24
    assert first.token_ids == again.token_ids != other.token_ids
    acceptance = drafts(session).acceptance
    assert acceptance is not None
    assert acceptance > 0.5
