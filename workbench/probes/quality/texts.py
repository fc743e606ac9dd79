"""The suite's text through a model: its positions laid beside a reference's."""

from collections.abc import Sequence
from typing import Any, Protocol

import torch

from workbench.errors import ModelError
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.quality.decode import batch_of, rendered
from workbench.probes.quality.distributions import Kept, Rows, compare
from workbench.probes.quality.logits import Reader, row_of
from workbench.probes.tokenizer_check import check_texts
from workbench.results import ReferenceText
from workbench.suites import Suite
from workbench.words import say, text


class Shelved(Protocol):
    """Positions of a reference, in memory or on disk."""

    def __getitem__(self, where: slice) -> Kept:
        """Those positions."""


class Progress:
    """Positions done of all, told to whoever waits."""

    def __init__(self, context: Context, total: int) -> None:
        self._context = context
        self._total = total
        self._done = 0

    def tell(self, code: str, positions: int, **params: Any) -> None:
        """`positions` more are done, of what the words of `code` say."""
        self._done += positions
        self._context.progress(say(code, **params), min(self._done, self._total), self._total)


def domain_name(domain: str) -> str:
    """As a person reads it."""
    return text(f"domain.{domain}")


def check_tokenizer(bench: Bench, suite: Suite) -> None:
    """ModelError when the tokenizer does not give the suite's own text back: no number would be right."""
    texts: dict[str, str] = {}
    for passage in suite.passages:
        for content in [turn["content"] for turn in passage.messages or ()] or [passage.text]:
            texts[domain_name(passage.domain)] = texts.get(domain_name(passage.domain), "") + content
    check_texts(bench.tokenizer, bench.facts.name, texts, bench.facts.vocab_size)


def read(bench: Bench, suite: Suite) -> list[ReferenceText]:
    """The suite's passages as tokens. One that is too short to be judged after its context is left out.

    ModelError when none is left.
    """
    found: list[ReferenceText] = []
    start = 0
    for passage in suite.passages:
        most = min(passage.tokens, bench.facts.context_length)
        tokens = tuple(rendered(bench.tokenizer, passage.text, passage.messages, answered=False)[:most])
        skip = passage.skip if len(tokens) > passage.skip + 1 else 0
        if len(tokens) - 1 > skip:
            found.append(ReferenceText(domain=passage.domain, tokens=tokens, skip=skip, start=start))
            start += found[-1].positions
    if not found:
        raise ModelError("quality.no_text", name=bench.facts.name)
    return found


def compared(bench: Bench, reader: Reader, one: ReferenceText, shelf: Shelved) -> Rows:
    """A passage under what is in force now against the reference's."""
    return _rows(reader, row_of(bench, one.tokens), [one], [0], one.skip, shelf)[0]


def together(
    bench: Bench, reader: Reader, texts: Sequence[ReferenceText], shelf: Shelved, most: int, padding: Sequence[int]
) -> list[Rows]:
    """The first `most` positions of passages without context as one batch: row i starts after `padding[i]` pads.

    Rows end together, so that a row with more padding has less text; judged are the positions that all rows have.
    Returns those of each text.
    """
    rows = [one.tokens[: most + 1 - pads] for one, pads in zip(texts, padding, strict=True)]
    return _rows(reader, batch_of(bench, rows, "left"), texts, padding, max(padding), shelf)


def _rows(
    reader: Reader,
    batch: dict[str, torch.Tensor],
    texts: Sequence[ReferenceText],
    offsets: Sequence[int],
    first: int,
    shelf: Shelved,
) -> list[Rows]:
    """Of each text, from position `first` of the batch to the last but one; `offsets`: where it begins in its row."""
    ids = batch["input_ids"]
    found: list[list[Rows]] = [[] for _ in texts]
    for where, logits in reader.logits(batch, first, ids.shape[1] - 1):
        for row, (one, offset) in enumerate(zip(texts, offsets, strict=True)):
            start = one.start - one.skip + where.start - offset
            kept = shelf[slice(start, start + where.stop - where.start)].to(ids.device)
            found[row].append(compare(logits[row], kept, ids[row, where.start + 1 : where.stop + 1]))
    return [Rows.join(parts) for parts in found]
