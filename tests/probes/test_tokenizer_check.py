"""A tokenizer that cannot give text back is named before any weights are read; sound ones of every make pass."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from workbench.catalog.sources import Source
from workbench.engine.demo import ensure_demo
from workbench.engine.loading import Checkpoint
from workbench.errors import ModelError
from workbench.probes.context import Context
from workbench.probes.tokenizer_check import check_round_trip

pytestmark = pytest.mark.model


@pytest.fixture
def folder(demo_home: Path, tmp_path: Path) -> Path:
    """The demo's configuration and tokenizer, without weights."""
    demo = ensure_demo()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((demo / name).read_bytes())
    return tmp_path


def load(folder: Path) -> Any:
    checkpoint = Checkpoint(Source(name="a/model", kind="hub", path=folder), Context(lambda _name, _data: None))
    checkpoint.import_class()
    return checkpoint.tokenizer()


def without_decoder(document: dict[str, Any]) -> None:
    document["decoder"] = None


def without_splitting(document: dict[str, Any]) -> None:
    document["pre_tokenizer"] = {"type": "Whitespace"}


def without_the_bytes_of_emoji(document: dict[str, Any]) -> None:
    vocabulary = document["model"]["vocab"]
    for piece in [piece for piece in vocabulary if "ð" in piece]:
        vocabulary["lost" + piece] = vocabulary.pop(piece)
    document["model"]["merges"] = [merge for merge in document["model"]["merges"] if "ð" not in "".join(merge)]


def of_a_larger_model(document: dict[str, Any]) -> None:
    document["model"]["vocab"] = {piece: number + 50_000 for piece, number in document["model"]["vocab"].items()}
    document["added_tokens"] = []


def test_a_sound_tokenizer_passes(folder: Path) -> None:
    assert load(folder)("sea")["input_ids"]


@pytest.mark.parametrize(
    ("breaking", "code", "words"),
    [
        (without_decoder, "tokenizer.round_trip", "Ġ"),
        (without_splitting, "tokenizer.round_trip", "English text"),
        (without_the_bytes_of_emoji, "tokenizer.round_trip", "emoji"),
        (of_a_larger_model, "tokenizer.beyond", "49152"),
    ],
)
def test_a_broken_tokenizer_is_named_before_the_weights(
    folder: Path, breaking: Callable[[dict[str, Any]], None], code: str, words: str
) -> None:
    document = json.loads((folder / "tokenizer.json").read_text())
    breaking(document)
    (folder / "tokenizer.json").write_text(json.dumps(document))
    with pytest.raises(ModelError, match=words) as caught:
        load(folder)
    assert caught.value.code == code
    assert "a/model" in str(caught.value)
    assert "hf download" in caught.value.next_step


def sentencepiece_like() -> Tokenizer:
    """Bytes for what it lacks, and a space in front that no decoder takes off: like Llama 2's."""
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *map(chr, range(33, 127))]
    made = Tokenizer(
        models.BPE({piece: at for at, piece in enumerate(pieces)}, [], unk_token="<unk>", byte_fallback=True)
    )
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return made


def lower_case_without_emoji() -> Tokenizer:
    """Folds case and full-width forms by its own rules, and knows neither Chinese nor emoji."""
    pieces = ["<unk>", *map(chr, range(32, 127)), "\n", "\t"]
    made = Tokenizer(models.BPE({piece: at for at, piece in enumerate(pieces)}, [], unk_token="<unk>"))
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    made.decoder = decoders.Fuse()
    return made


@pytest.mark.parametrize("make", [sentencepiece_like, lower_case_without_emoji])
def test_what_a_tokenizer_does_by_its_own_rules_is_no_failure(make: Callable[[], Tokenizer]) -> None:
    check_round_trip(PreTrainedTokenizerFast(tokenizer_object=make(), unk_token="<unk>"), "m", None)


def test_plain_words_that_become_unknown_are_a_failure() -> None:
    made = sentencepiece_like()
    document = json.loads(made.to_str())
    document["model"]["byte_fallback"] = False
    del document["model"]["vocab"]["q"]
    broken = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(document)), unk_token="<unk>")
    with pytest.raises(ModelError, match="English text"):
        check_round_trip(broken, "m", None)


def test_ids_beyond_the_embedding_are_told_only_when_text_needs_them(demo_home: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(ensure_demo())
    tokenizer.add_tokens(AddedToken("<never used in text>"))
    check_round_trip(tokenizer, "m", 49152)
    with pytest.raises(ModelError, match="rows 0 to 100"):
        check_round_trip(tokenizer, "m", 100)
