"""Text as it comes out of a model: whole (Completion) or in pieces (Chunk)."""

from typing import Literal

from workbench.results.base import Result

FinishReason = Literal["eos", "length", "stopped"]


class Completion(Result):
    """One answer. `ttft_s`: submit → first new token; `decode_tps`: this row's tokens after the first ÷ their time."""

    text: str
    token_ids: tuple[int, ...]
    finish_reason: FinishReason
    prompt_tokens: int
    ttft_s: float
    decode_tps: float | None


class Chunk(Result):
    """A piece of a stream: the one type that the chat pane, the CLI and the benchmarks consume.

    `text` is what became readable with this token ("" while a character is incomplete); the last chunk of a row has
    its `finish_reason`. Times are seconds since submit.
    """

    row: int
    text: str
    token_id: int | None
    index: int  # of this token among the row's new tokens, from 0
    elapsed_s: float
    decode_tps: float | None
    finish_reason: FinishReason | None = None
