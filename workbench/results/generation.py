"""Text as it comes out of a model: whole (Completion) or in pieces (Chunk)."""

from collections.abc import Sequence
from typing import Any, Literal

from workbench.results.base import Result
from workbench.words.message import Message

# an end token, a stop string, a sentence's end, the length asked for, or Stop
FinishReason = Literal["eos", "stop_string", "sentence", "length", "stopped"]


class Completion(Result):
    """One answer. `ttft_s`: submit → first new token; `decode_tps`: this row's tokens after the first ÷ their time.

    text       without special tokens; ends before the stop string that ended it, whose tokens are in `token_ids`
    seed       of the draws: with the same prompts in one batch it gives the same answers; None where nothing is drawn
    notes      what is to be known of the settings: ignored ones, harmful ones
    """

    text: str
    token_ids: tuple[int, ...]
    finish_reason: FinishReason
    prompt_tokens: int
    ttft_s: float
    decode_tps: float | None
    seed: int | None = None
    notes: tuple[Message, ...] = ()


class Chunk(Result):
    """A piece of a stream: the one type that the chat pane, the CLI and the benchmarks consume.

    `text` is what became readable with this token: "" while a character is incomplete, or while it may be the beginning
    of a stop string, which is never shown. The last chunk of a row has its `finish_reason`. Times are seconds since
    submit.
    """

    row: int
    text: str
    token_id: int | None
    index: int  # of this token among the row's new tokens, from 0
    elapsed_s: float
    decode_tps: float | None
    finish_reason: FinishReason | None = None


class SideBySide(Result):
    """One prompt under two configurations, one after the other: single answers, so that no speed here is a verdict.

    a, b      what was asked; answers: of each
    parts_at  place of the first token that differs, or where one answer goes on and the other has ended; None: the same
    """

    a: dict[str, Any]
    b: dict[str, Any]
    answers: tuple[Completion, Completion]
    parts_at: int | None


def parting(a: Sequence[int], b: Sequence[int]) -> int | None:
    """Place of the first token that differs; None: both are the same."""
    at = next((place for place, pair in enumerate(zip(a, b, strict=False)) if pair[0] != pair[1]), None)
    return at if at is not None or len(a) == len(b) else min(len(a), len(b))
