"""A model's logits over a text, a chunk of positions at a time: [time, vocabulary] is never held in float32 at once.

The decoder runs once over the whole text; its hidden states, small, then go through the head in chunks. Some models do
more with them (a cap, a scale) in their own forward, so the two are compared on a few tokens first; where they differ
the model's own forward is asked for the positions of each chunk instead, which costs a pass over the text every time.
"""

from collections.abc import Iterator
from typing import Any

import torch

from workbench.probes.bench import Bench
from workbench.probes.context import Context

CHUNK_BYTES = 32 * 2**20  # of float32 logits; comparing them takes some six times as much
_PROBED = 8  # tokens on which head and model are compared


def chunk_of(vocabulary: int) -> int:
    """Positions of one chunk."""
    return max(1, CHUNK_BYTES // (4 * vocabulary))


def vocabulary_of(bench: Bench) -> int:
    """How many logits a position has."""
    head = bench.model.get_output_embeddings()
    return int(head.out_features if head is not None else bench.facts.vocab_size)


def row_of(bench: Bench, tokens: tuple[int, ...]) -> dict[str, torch.Tensor]:
    """One text as the model takes it."""
    input_ids = torch.tensor([tokens], dtype=torch.long, device=bench.device)
    return {"input_ids": input_ids, "attention_mask": torch.ones_like(input_ids)}


class Reader:
    """`logits` of texts, under everything that is in force on `bench`."""

    def __init__(self, bench: Bench, context: Context) -> None:
        self._bench = bench
        self._context = context
        self._chunk = chunk_of(vocabulary_of(bench))
        self.whole = not self._head_is_all()  # the model's own forward makes every logit

    def logits(self, batch: dict[str, torch.Tensor], first: int, end: int) -> Iterator[tuple[slice, torch.Tensor]]:
        """(positions, their logits [rows, n, vocabulary]) of positions `first` to `end` (not included), in order.

        batch  input_ids [rows, time] and their mask
        """
        # per row, so that a chunk of several rows is no larger
        step = max(1, self._chunk // len(batch["input_ids"]))
        hidden = None if self.whole else self._hidden(batch)
        for start in range(first, end, step):
            where = slice(start, min(start + step, end))
            self._context.check()
            yield where, self._own(batch, where) if hidden is None else self._head(hidden[:, where])

    def _hidden(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        bench = self._bench
        with torch.no_grad(), bench.interruptible(self._context), bench.in_force():
            states: torch.Tensor = bench.model.base_model(**bench.masked(batch), use_cache=False).last_hidden_state
        return states

    def _head(self, hidden: torch.Tensor) -> torch.Tensor:
        with torch.no_grad(), self._bench.in_force():
            logits: torch.Tensor = self._bench.model.get_output_embeddings()(hidden)
        return logits

    def _own(self, batch: dict[str, torch.Tensor], where: slice | None) -> torch.Tensor:
        """By the model's own forward; `where` None: of all positions."""
        bench = self._bench
        only: dict[str, Any] = {}
        if where is not None:
            only["logits_to_keep"] = torch.arange(where.start, where.stop, device=bench.device)
        with torch.no_grad(), bench.interruptible(self._context), bench.in_force():
            logits: torch.Tensor = bench.model(**bench.masked(batch), use_cache=False, **only).logits
        return logits

    def _head_is_all(self) -> bool:
        model = self._bench.model
        if model.get_output_embeddings() is None or model.base_model is model:
            return False
        if (getattr(model, "_tp_size", None) or 1) > 1:  # its parts are gathered: other ranks take part in whole passes
            return False
        batch = row_of(self._bench, tuple(range(_PROBED)))
        own, ours = self._own(batch, None).float(), self._head(self._hidden(batch)).float()
        if own.shape != ours.shape:
            return False
        finite = torch.isfinite(own) & torch.isfinite(ours)
        if not bool(finite.any()):
            return True
        dtype = model.get_input_embeddings().weight.dtype
        off = (own - ours)[finite].abs().max().item()
        return bool(off <= 16 * torch.finfo(dtype).eps * own[finite].abs().max().item())
