"""Next-token distributions: how a reference keeps them in 16 bits, and how far another lies from them.

All of them are kept as log-probabilities, or the K most likely with the mass of the rest. In the latter form the rest
counts as one outcome, so that the divergence found is a lower bound (log sum inequality); what it hides is at most

    Σ_rest p ln p − P ln(P/Q) − P · min_rest ln q        P, Q: mass of the rest in the reference and the candidate

Memory: a call holds some six times its logits in float32; callers hand in chunks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import torch

_LEAST = -60_000.0  # a log-probability that float16 can still hold


@dataclass(frozen=True)
class Kept:
    """Of some positions [n]: what a reference stores.

    logp         [n, vocabulary] or, the most likely first, [n, K]: log-probabilities, float16
    ids          [n, K] int32: which tokens those are; None: all, in order
    tail         [n] probability of the others; tail_plogp: Σ p ln p over them
    target_logp  [n] log-probability of the token that comes next; 0 where none is given
    top          [n] the most likely token
    bad          [n] NaN or Inf among the logits
    """

    logp: torch.Tensor
    ids: torch.Tensor | None
    tail: torch.Tensor
    tail_plogp: torch.Tensor
    target_logp: torch.Tensor
    top: torch.Tensor
    bad: torch.Tensor

    def __getitem__(self, where: slice) -> Self:
        parts: dict[str, Any] = vars(self)
        cut: dict[str, Any] = {name: None if part is None else part[where] for name, part in parts.items()}
        return type(self)(**cut)

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """One after the other; all keep the same number of tokens."""
        columns: dict[str, list[Any]] = {part.name: [getattr(one, part.name) for one in parts] for part in fields(cls)}
        joined: dict[str, Any] = {name: None if rows[0] is None else torch.cat(rows) for name, rows in columns.items()}
        return cls(**joined)

    def to(self, device: torch.device) -> Self:
        parts: dict[str, Any] = vars(self)
        moved: dict[str, Any] = {name: None if part is None else part.to(device) for name, part in parts.items()}
        return type(self)(**moved)


@dataclass(frozen=True)
class Rows:
    """Of some positions [n], float64 on the host: a candidate against the reference.

    kld           Σ p_ref (ln p_ref − ln p), nats, at least 0
    bound         what keeping only the most likely tokens can hide of it at most
    nll_reference, nll   −ln p(next token); 0 where none is given
    same          the most likely token is the same
    bad           NaN or Inf in either
    """

    kld: torch.Tensor
    bound: torch.Tensor
    nll_reference: torch.Tensor
    nll: torch.Tensor
    same: torch.Tensor
    bad: torch.Tensor

    def __len__(self) -> int:
        return len(self.kld)

    def __getitem__(self, where: slice | torch.Tensor) -> Self:
        return type(self)(**{part.name: getattr(self, part.name)[where] for part in fields(self)})

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        return cls(**{part.name: torch.cat([getattr(rows, part.name) for rows in parts]) for part in fields(cls)})


def kept(logits: torch.Tensor, targets: torch.Tensor | None, most: int) -> Kept:
    """What is stored of `logits` [n, vocabulary]; `targets`: [n] token ids; `most`: how many tokens, 0 for all."""
    logits, bad = _finite(logits)
    logp = logits.log_softmax(-1)
    nothing = logp.new_zeros(len(logp))
    at_target = nothing if targets is None else logp.gather(1, targets[:, None])[:, 0]
    if not most:
        stored = logp.clamp_(min=_LEAST).half()
        return Kept(stored, None, nothing, nothing, at_target, logits.argmax(-1).int(), bad)
    highest, ids = logp.topk(most, dim=-1)
    rest = logp.scatter_(1, ids, -torch.inf).exp_()
    return Kept(
        logp=highest.clamp_(min=_LEAST).half(),
        ids=ids.int(),
        tail=rest.sum(-1),
        tail_plogp=-torch.special.entr(rest).sum(-1),
        target_logp=at_target,
        top=ids[:, 0].int(),
        bad=bad,
    )


def compare(logits: torch.Tensor, reference: Kept, targets: torch.Tensor | None) -> Rows:
    """`logits` [n, vocabulary] of a candidate against the reference's same positions."""
    logits, bad = _finite(logits)
    same = logits.argmax(-1) == reference.top
    logq = logits.log_softmax(-1)
    nll = torch.zeros(len(logq)) if targets is None else -logq.gather(1, targets[:, None])[:, 0]
    if reference.ids is None:
        logp = reference.logp.float()
        logp = logp - logp.logsumexp(-1, keepdim=True)  # rounding to 16 bits left a sum that is not quite 1
        kld, bound = (logp.exp() * (logp - logq)).sum(-1), torch.zeros(len(logq))
    else:
        kld, bound = _of_most_likely(logq, reference, reference.ids.long())
    return Rows(
        kld=_host(kld).clamp(min=0),
        bound=_host(bound).clamp(min=0),
        nll_reference=_host(-reference.target_logp),
        nll=_host(nll),
        same=same.cpu(),
        bad=(bad | reference.bad).cpu(),
    )


def _of_most_likely(logq: torch.Tensor, reference: Kept, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    tail = reference.tail.float()
    logp = reference.logp.float()
    logp = logp - logp.logsumexp(-1, keepdim=True) + torch.log1p(-tail)[:, None]
    head = (logp.exp() * (logp - logq.gather(1, ids))).sum(-1)
    others = logq.scatter(1, ids, -torch.inf)
    log_others = others.logsumexp(-1)
    least = others.scatter_(1, ids, torch.inf).amin(-1)
    some = tail > 0
    rest = torch.where(some, tail * (tail.log() - log_others), 0.0)
    hidden = torch.where(some, reference.tail_plogp.float() - tail * least - rest, 0.0)
    return head + rest, hidden


def _finite(logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """In float32, and which rows were not finite: those become zeros, and are counted by nobody."""
    logits = logits.float()
    bad = ~torch.isfinite(logits).all(-1)
    return (logits.masked_fill(bad[:, None], 0.0) if bool(bad.any()) else logits), bad


def _host(values: torch.Tensor) -> torch.Tensor:
    return values.double().cpu()
