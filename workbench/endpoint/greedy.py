"""Does the server answer as the bench does? Temperature 0, the same prompts; where they part, how near a tie it was.

Two correct servers may part where two tokens are nearly as likely: which one wins is decided by rounding. The bench
knows its logits along its own answer, and how far one more rounding moves them (`probes.served`); three times that is
what `workbench.rounding` calls innocent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from workbench.endpoint.client import Client
from workbench.endpoint.prompts import Ask
from workbench.endpoint.replies import Reply
from workbench.results import EndpointAnswer, EndpointGreedy, EndpointReference
from workbench.results.endpoint import EndpointOwnAnswer
from workbench.rounding import WRONG_FROM
from workbench.stats import wilson
from workbench.words import Message, say
from workbench.words.format import number

_HALF = "\ufffd"
_SHOWN = 60  # characters of each text from where they part


@dataclass(frozen=True)
class Parting:
    """Where two answers part, from 0, and the server's token there: its id, or the text from it on; else its end."""

    index: int
    token: int | None = None
    follows: str = ""


async def answers(client: Client, asks: Sequence[Ask], new_tokens: int) -> list[Reply]:
    """One after the other: a batch may round otherwise. EndpointError."""
    return [await client.ask(ask, new_tokens) for ask in asks]


def compare(asks: Sequence[Ask], replies: Sequence[Reply], reference: EndpointReference) -> EndpointGreedy:
    """The replies against the reference's answers, as far as both go."""
    pairs = zip(asks, replies, reference.answers, strict=False)
    found = [_answer(ask, reply, own, reference.end_ids) for ask, reply, own in pairs]
    same = sum(each.same for each in found)
    return EndpointGreedy(
        answers=tuple(found),
        share=same / len(found) if found else 0.0,
        share_ci95=wilson(same, len(found)),
        verdict=_verdict(found, reference.dtype),
    )


def _answer(ask: Ask, reply: Reply, own: EndpointOwnAnswer, ends: Sequence[int]) -> EndpointAnswer:
    parting = _by_ids(reply, own) if reply.ids else _by_text(reply, own)
    margin = None if parting is None else _margin(own, parting, ends)
    start = 0 if parting is None else len("".join(own.pieces[: parting.index]))
    return EndpointAnswer(
        prompt=ask.text[:_SHOWN],
        compared_by="ids" if reply.ids else "text",
        parts_at=None if parting is None else parting.index,
        margin=margin,
        tie=None if parting is None else _tie(margin, own),
        ended=(own.ended, reply.ended),
        bench_text=own.text[start : start + _SHOWN],
        server_text=reply.text[start : start + _SHOWN],
    )


def _by_ids(reply: Reply, own: EndpointOwnAnswer) -> Parting | None:
    for index, (mine, other) in enumerate(zip(own.tokens, reply.ids, strict=False)):
        if mine != other:
            return Parting(index, other)
    if len(reply.ids) > len(own.tokens):
        return Parting(len(own.tokens), reply.ids[len(own.tokens)])
    missing = len(own.tokens) - len(reply.ids)
    # servers differ in whether the end token is one of the ids
    if not missing or (own.ended and missing == 1 and (own.full or reply.ended is not False)):
        return None
    return Parting(len(reply.ids))


def _by_text(reply: Reply, own: EndpointOwnAnswer) -> Parting | None:
    """In characters, then in the bench's tokens: one that is only half there is the one at which they part."""
    mine, theirs = (text.rstrip(_HALF) for text in (own.text, reply.text))  # cut within a character, each in its way
    length = _common(mine, theirs)
    # the end token, which has no text of its own; where it is ordinary text, what comes after it
    over = len(own.tokens) - (own.ended and not own.pieces[-1])
    if length == len(mine) == len(theirs):
        return None if reply.ended in (None, own.ended) or (own.full and own.ended) else Parting(over)
    if length == len(mine):
        return Parting(over, follows=theirs[length:])
    shown = 0
    for index, piece in enumerate(own.pieces):
        if shown + len(piece) > length:
            return Parting(index, follows=theirs[shown:])
        shown += len(piece)
    return Parting(over)


def _common(one: str, other: str) -> int:
    for index, (mine, theirs) in enumerate(zip(one, other, strict=False)):
        if mine != theirs:
            return index
    return min(len(one), len(other))


def _margin(own: EndpointOwnAnswer, parting: Parting, ends: Sequence[int]) -> float | None:
    """The chosen token's logit minus that of the server's token; None where that is not known."""
    if parting.index >= len(own.logits):
        return None
    at = parting.index
    likely, logits, texts = own.likely[at], own.logits[at], own.likely_text[at]
    wanted = {parting.token} if parting.token is not None else set(() if parting.follows else ends)
    for place in range(1, len(likely)):
        if likely[place] in wanted or (texts[place] and parting.follows.startswith(texts[place])):
            return logits[0] - logits[place]
    return logits[0] - logits[-1] if parting.token is not None else None  # less likely than all of these


def _tie(margin: float | None, own: EndpointOwnAnswer) -> Literal["bench", "16 bits", "none"]:
    if margin is None:
        return "none"
    if margin <= WRONG_FROM * own.rounding:
        return "bench"
    return "16 bits" if margin <= WRONG_FROM * own.rounding_16 else "none"


def _verdict(found: Sequence[EndpointAnswer], dtype: str) -> Message:
    off = [each for each in found if not each.same]
    if not found:
        return say("endpoint.greedy.nothing")
    if not off:
        return say(f"endpoint.greedy.same_{found[0].compared_by}", count=len(found))
    first = min(off, key=lambda each: each.parts_at or 0)
    params = {"same": len(found) - len(off), "count": len(found), "token": (first.parts_at or 0) + 1}
    if odd := [each for each in off if each.tie == "none"]:
        worst = max(odd, key=lambda each: each.margin or 0.0)
        if all(each.ended[0] and not each.bench_text for each in odd):  # where the bench's answers were over
            return say("endpoint.greedy.runs_on", **params, runs_on=len(odd))
        if all(each.ended[1] and not each.server_text for each in odd):
            return say("endpoint.greedy.stops", **params, stops=len(odd))
        return say("endpoint.greedy.other", **params, odd=len(odd), margin=number(worst.margin, 2))
    if any(each.tie == "16 bits" for each in off):
        return say("endpoint.greedy.sixteen", **params, dtype=dtype)
    return say("endpoint.greedy.rounding", **params, dtype=dtype)
