"""The exported file really runs: in a fresh process in which the workbench cannot be imported."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.export.running import PROMPTS, Ask, fresh, write
from workbench import export
from workbench.config import Config
from workbench.session import Session

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama with a word tokenizer that knows no chat and no pad token, saved as float32."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp('it\'s a "tiny" model $(x)')
    known = "<unk> <end> the sea sky is deep one and Explain in two sentences what KV cache of a language model for ."
    words = {word: index for index, word in enumerate(known.split())}
    rules = Tokenizer(WordLevel(words, unk_token="<unk>"))
    rules.pre_tokenizer = Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=rules, unk_token="<unk>", eos_token="<end>").save_pretrained(folder)
    torch.manual_seed(3)
    shape = LlamaConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        bos_token_id=1,
        eos_token_id=1,
        initializer_range=0.5,  # far from uniform, so that two ways of computing agree on the likeliest token
    )
    LlamaForCausalLM(shape).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    "changes",
    [
        {"attention": "eager", "dtype": "float32", "threads": 1},
        {"attention": "sdpa", "dtype": "bfloat16", "cache": "static", "pad_token": "unk", "eos_token_ids": [8, 1]},
        {"padding_side": "right", "pad_token": 4, "do_sample": True, "temperature": 0.7, "top_k": 3, "device": "cpu"},
    ],
    ids=["eager", "static", "sampling"],
)
def test_a_process_of_its_own_has_what_was_exported(
    ask: Ask, directory: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    config = Config(**changes)
    seen = ask(write(tmp_path, export.render("transformers", config, model=str(directory))), PROMPTS)
    assert seen["attention"] == config.attention
    assert seen["dtype"] == f"torch.{'float32' if config.dtype == 'auto' else config.dtype}"
    assert seen["pad"] == {"auto": 1, "unk": 0, 4: 4}[config.pad_token]
    assert seen["eos"] == ([1] if config.eos_token_ids == "auto" else list(config.eos_token_ids))
    assert seen["side"] == config.padding_side
    assert seen["inference"]
    assert seen["policy"] == "PASSIVE"
    if config.threads != "auto":
        assert seen["threads"] == config.threads
    assert len(seen["ids"]) == 2


def test_a_repair_reaches_the_exported_code(ask: Ask, random_llama: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(random_llama, tmp_path / "broken")
    ids = {"bos_token_id": 1, "eos_token_id": 32000, "pad_token_id": 999_999}  # ordinary text; beyond the vocabulary
    (folder / "generation_config.json").write_text(json.dumps(ids))
    with Session(str(folder), host="inline") as session:
        assert session.resolved.eos_token_ids == (32000,)
        session.repair(max_new_tokens=2)
        assert session.model.generation_config.eos_token_id == [2]
        code = session.export("transformers").code
    seen = ask(write(tmp_path, code), ["The sea", "A longer line about the sea"])
    assert (seen["eos"], seen["pad"], seen["side"]) == ([2], 2, "left")


def test_run_as_a_program_it_prints_text(directory: Path, tmp_path: Path) -> None:
    file = write(tmp_path, export.render("transformers", Config(), model=str(directory)))
    done = fresh(str(file))
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) > 5
    assert not (Path.cwd() / "x").exists()


def test_another_directory_can_be_named(directory: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    shutil.copytree(directory, gone)
    file = write(tmp_path, export.render("transformers", Config(), model=str(gone)))
    shutil.rmtree(gone)
    assert fresh(str(file)).returncode != 0
    assert fresh(str(file), MODEL=str(directory)).returncode == 0


def test_it_refuses_to_run_in_another_configuration(directory: Path, tmp_path: Path) -> None:
    code = export.render("transformers", Config(attention="sdpa", dtype="float32"), model=str(directory))
    changed = code.replace('attn_implementation="sdpa"', 'attn_implementation="eager"')
    assert changed != code
    done = fresh(str(write(tmp_path, changed)))
    assert done.returncode != 0
    assert "RuntimeError: " in done.stderr
    assert "'attention': 'eager'" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"attention": "eager", "dtype": "float32"}, marks=pytest.mark.slow),
        {"attention": "sdpa", "dtype": "bfloat16", "cache": "static", "pad_token": "unk"},
    ],
    ids=["eager", "static"],
)
def test_the_demo_says_the_same_as_in_the_session(
    ask: Ask, demo_home: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    prompts = ["Name three colours.", "What is the capital of France? Answer in one word."]
    with Session("demo", config=Config(**changes), host="inline") as session:
        answers = session.generate(prompts, max_new_tokens=8)
        made = session.export("transformers")
        state = session.resolved
    seen = ask(write(tmp_path, made.code), prompts)
    for answer, ids in zip(answers, seen["ids"], strict=True):
        assert tuple(ids[: len(answer.token_ids)]) == answer.token_ids
        assert set(ids[len(answer.token_ids) :]) <= {seen["pad"]}
    assert seen["attention"] == state.attention
    assert seen["dtype"] == f"torch.{state.dtype}"
    assert seen["pad"] == state.pad_token_id
    assert seen["threads"] == state.threads
    assert seen["eos"] == list(state.eos_token_ids)
