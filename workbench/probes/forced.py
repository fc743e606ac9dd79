"""A look at each step's logits while `generate` runs, and answers that are led along given tokens."""

from collections.abc import Callable

import torch
from transformers import LogitsProcessor

# (step, its logits [batch, vocabulary]); the tensor is `generate`'s own: copy what is kept
OnScores = Callable[[int, torch.Tensor], None]


class Recorder(LogitsProcessor):  # type: ignore[misc]  # transformers ships no types
    """Hands each step's logits to `on_scores`; with `forced` tokens [batch, step] it lets no others be chosen.

    Rows of -1 are free: there the logits choose.
    """

    def __init__(self, on_scores: OnScores, forced: torch.Tensor | None = None) -> None:
        self._on_scores = on_scores
        self._forced = forced
        self._step = 0

    def __call__(self, _input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        step, self._step = self._step, self._step + 1
        self._on_scores(step, scores)
        if self._forced is None:
            return scores
        chosen = self._forced[:, step : step + 1].to(scores.device)
        only = torch.full_like(scores, -torch.inf).scatter(1, chosen.clamp_min(0), 0.0)
        return torch.where(chosen < 0, scores, only)
