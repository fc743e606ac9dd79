"""Ids as each file and each object states them, and what an id is: a control token, ordinary text, or nothing."""

import json
from pathlib import Path
from typing import Any

from transformers.utils import cached_file

from workbench.probes.bench import Bench
from workbench.results import TOKEN_ROLES, Token, TokenRow

_MARKERS = ("<", "[")  # how a control token begins that is in the vocabulary and that no text becomes


def rows_of(bench: Bench) -> tuple[TokenRow, ...]:
    """bos, eos, pad and unk, side by side."""
    tokenizer, originals = bench.tokenizer, bench.originals
    config = bench.model.config.get_text_config()
    file = _tokenizer_config(tokenizer)
    found = []
    for role in TOKEN_ROLES:
        name = f"{role}_token_id"
        stated: dict[str, Any] = {
            "tokenizer": originals.pad_token_id if role == "pad" else getattr(tokenizer, name),
            "config": getattr(config, name, None),
            "generation_config": getattr(originals.generation_config, name, None),
            "in_force": _in_force(bench, role),
        }
        if file is not None:
            stated["tokenizer_config"] = _id_of(tokenizer, file.get(f"{role}_token"))
        if role == "unk":  # models know of none
            stated = {source: stated[source] for source in stated if source not in ("config", "generation_config")}
        tokens = {
            source: tuple(token(tokenizer, each, vocabulary(bench)) for each in _as_ids(value))
            for source, value in stated.items()
        }
        found.append(TokenRow(role=role, stated=tokens))
    return tuple(found)


def vocabulary(bench: Bench) -> int:
    """Rows of the embedding: ids from here on end in an IndexError."""
    rows: int = bench.model.get_input_embeddings().weight.shape[0]
    return rows


def token(tokenizer: Any, token_id: int, rows: int) -> Token:
    """What an id is, whatever it is used as."""
    if not 0 <= token_id < rows:
        return Token(id=token_id, text=None, means="beyond")
    if tokenizer.convert_ids_to_tokens(token_id) is None:
        return Token(id=token_id, text=None, means="unnamed")
    text = tokenizer.decode([token_id], skip_special_tokens=False, clean_up_tokenization_spaces=False)
    return Token(id=token_id, text=text, means="text" if is_text(tokenizer, token_id) else "special")


def is_text(tokenizer: Any, token_id: int) -> bool:
    """Whether ordinary text has this token.

    A tokenizer makes a control token of whatever it is told is its eos: then the merges of its BPE decide, which lead
    to words and never to `<|im_end|>`.
    """
    piece = tokenizer.convert_ids_to_tokens(token_id)
    added = token_id in getattr(tokenizer, "added_tokens_decoder", {})
    model: Any = getattr(getattr(tokenizer, "backend_tokenizer", None), "model", None)
    if type(model).__name__ != "BPE":
        return not added
    if piece.startswith(_MARKERS) and len(piece) > 1:
        merged = [part.id for part in model.tokenize(piece)]
        return not added and merged == [token_id]
    return [part.id for part in model.tokenize(piece)] == [token_id]


def splits(tokenizer: Any, piece: str) -> bool:
    """Whether the tokenizer makes several tokens of one control token's text."""
    return len(tokenizer(piece, add_special_tokens=False)["input_ids"]) != 1


def pad_candidate(tokenizer: Any, rows: int, taken: tuple[int, ...]) -> int | None:
    """A token that is there for padding alone, or `unk`; none that ends a row or begins one."""
    barred = {*taken, tokenizer.bos_token_id, tokenizer.eos_token_id}
    named = [each for each, added in getattr(tokenizer, "added_tokens_decoder", {}).items() if "pad" in added.content]
    for each in (*named, tokenizer.unk_token_id):
        if each is not None and each < rows and each not in barred:
            return int(each)
    return None


def _in_force(bench: Bench, role: str) -> Any:
    if role == "unk":
        return bench.tokenizer.unk_token_id
    return getattr(bench.model.generation_config, f"{role}_token_id", None)


def _tokenizer_config(tokenizer: Any) -> dict[str, Any] | None:
    """The file itself: the tokenizer's own memory of it has been merged with other files. None where there is none."""
    name = str(getattr(tokenizer, "name_or_path", "") or "")
    if not name or "gguf_file" in getattr(tokenizer, "init_kwargs", {}):
        return None
    found = cached_file(
        name,
        "tokenizer_config.json",
        local_files_only=True,
        _raise_exceptions_for_gated_repo=False,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    if found is None:
        return None
    try:
        read = json.loads(Path(found).read_text(encoding="utf-8"))
    except ValueError:  # the tokenizer was made without it, then
        return None
    return read if isinstance(read, dict) else None


def _id_of(tokenizer: Any, stated: Any) -> int | None:
    """A token of the file, written as text or as {"content": text}."""
    piece = stated.get("content") if isinstance(stated, dict) else stated
    if not isinstance(piece, str):
        return None
    found = tokenizer.convert_tokens_to_ids(piece)  # of a piece it lacks: its unk token, or None
    return int(found) if found is not None and tokenizer.convert_ids_to_tokens(found) == piece else None


def _as_ids(value: Any) -> tuple[int, ...]:
    if value is None:
        return ()
    return tuple(int(each) for each in value) if isinstance(value, list | tuple) else (int(value),)
