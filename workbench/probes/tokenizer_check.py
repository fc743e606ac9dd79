"""Whether a tokenizer gives back the text that it was given: asked before the weights are loaded, in milliseconds.

Not a failure is what a tokenizer does by its own rules: its normaliser, the space in front that SentencePiece adds,
and an unknown token for writing that its vocabulary never had. Not seen here: two pieces of the vocabulary that changed
places, which encode and decode to the same text and mean something else to the model alone.
"""

import unicodedata
from collections.abc import Mapping
from typing import Any

from workbench.errors import ModelError
from workbench.words import text as words

# what people send: plain words, another script, indentation and symbols, runs of spaces, several code points as one
TEXTS = {
    "english": "The quick brown fox doesn't jump over 13 lazy dogs.",
    "chinese": "深度求索的模型会写诗,也会写代码。",
    "code": "def f(x):\n    if x > 0:\n\treturn [x ** 2, 'a_b']\n",
    "spaces": "one  two   three",
    "emoji": "sea 🌊 and 👩‍🔬 café",
}
_SHOWN = 100  # characters of a text in an error
_BROKEN = (ValueError, TypeError, LookupError, RuntimeError, AttributeError, OverflowError)


def check_round_trip(tokenizer: Any, name: str, rows: int | None) -> None:
    """Nothing, when each of TEXTS comes back, from ids that the model has; ModelError as `check_texts`."""
    check_texts(tokenizer, name, {words(f"tokenizer.{label}"): text for label, text in TEXTS.items()}, rows)


def check_texts(tokenizer: Any, name: str, texts: Mapping[str, str], rows: int | None) -> None:
    """Nothing, when each text comes back, from ids that the model has.

    texts  by what people call them
    rows   of the embedding; None: not known yet

    ModelError names the text that failed, what came back, and the way out.
    """
    for kind, text in texts.items():
        try:
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            back = tokenizer.decode(ids, clean_up_tokenization_spaces=False)
        except _BROKEN as error:
            problem = f"{type(error).__name__}: {error}"
            raise ModelError("tokenizer.fails", name=name, kind=kind, text=_shown(text), problem=problem) from error
        if rows is not None and ids and max(ids) >= rows:
            raise ModelError(
                "tokenizer.beyond", name=name, kind=kind, token_id=max(ids), rows=rows, length=len(tokenizer)
            )
        if not text.isascii() and tokenizer.unk_token_id in ids:
            continue
        if not _same(tokenizer, text, back):
            at = next((index for index, pair in enumerate(zip(text, back, strict=False)) if pair[0] != pair[1]), 0)
            raise ModelError("tokenizer.round_trip", name=name, kind=kind, text=_shown(text, at), back=_shown(back, at))


def _shown(text: str, around: int = 0) -> str:
    """The part that matters of a long text."""
    if len(text) <= _SHOWN:
        return repr(text)
    start = max(min(around, len(text)) - _SHOWN // 2, 0)
    return repr(text[start : start + _SHOWN])


def _same(tokenizer: Any, text: str, back: str) -> bool:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    normalizer = getattr(backend, "normalizer", None)
    if backend is None:  # no normaliser to ask: SentencePiece's usual one folds runs of spaces
        return " ".join(_plain(text).split()) == " ".join(_plain(back).split())
    allowed = {_plain(text)}
    if normalizer is not None:
        allowed.add(_plain(normalizer.normalize_str(text)))
    return _plain(back) in allowed


def _plain(text: str) -> str:
    """Compatibility forms and SentencePiece's space made one; spaces at the ends taken off."""
    return unicodedata.normalize("NFKC", text).replace("▁", " ").strip(" ")
