"""The two ways to answer the same prompts: the whole of each anew, or a copy of its beginning's KV cache continued."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import Any

import torch

from workbench.judging import COMPARED
from workbench.pairing import Half
from workbench.probes import kv
from workbench.probes.agreement import decoded, distance, divergence, dtype_of, rounding_of
from workbench.probes.bench import Bench
from workbench.probes.conditions import During
from workbench.probes.context import Context
from workbench.probes.timing import fixed_run
from workbench.results import Divergence, LogitDistance
from workbench.results.agreement import Level
from workbench.rounding import excess, level_of, sentence
from workbench.words import Message


@dataclass(frozen=True)
class Same:
    """Of the prompt whose answers are farthest apart. `computed`: tokens of a cached prefill, mean over the prompts."""

    distance: LogitDistance
    rounding: LogitDistance
    excess: float
    level: Level
    divergence: Divergence | None
    verdict: Message
    computed: float


class Sides:
    """0: cold, 1: cached. prompts: whole ids [1, time] and how many of them the `cache` holds."""

    def __init__(
        self, bench: Bench, cache: Any, prompts: Sequence[tuple[torch.Tensor, int]], new_tokens: int, context: Context
    ) -> None:
        self._bench = bench
        self._cache = cache
        self._prompts = [({"input_ids": ids, "attention_mask": torch.ones_like(ids)}, kept) for ids, kept in prompts]
        self._new_tokens = new_tokens
        self._context = context

    def half(self, side: int) -> Half:
        """One run: every prompt once, each metric as their geometric mean."""
        began, runs = time.perf_counter(), []
        with During(self._bench.device) as during:
            for batch, kept in self._prompts:
                options = partial(self._options, kept) if side else dict
                runs.append(fixed_run(self._bench, batch, self._new_tokens, self._context, options))
        means = {metric: math.exp(fmean(math.log(getattr(run, metric)) for run in runs)) for metric in COMPARED}
        return Half(means, time.perf_counter() - began, during.found)

    def agreement(self, names: tuple[str, str]) -> Same:
        """The cached answers' logits, led along the cold ones. `names` of both, for the sentence."""
        found = [self._apart(row, batch, kept, names) for row, (batch, kept) in enumerate(self._prompts)]
        worst = max(found, key=lambda one: one.excess)
        parted = next((one.divergence for one in found if one.divergence is not None), None)
        computed = fmean(one.computed for one in found)
        return Same(**{**vars(worst), "divergence": parted or worst.divergence, "computed": computed})

    def _apart(self, row: int, batch: dict[str, torch.Tensor], kept: int, names: tuple[str, str]) -> Same:
        bench, config = self._bench, self._bench.config
        rounding = rounding_of(bench, (config, config), None, batch, self._context)
        tokens, cold = decoded(bench, batch, self._new_tokens, None, self._context)
        with _first_pass(bench.model) as widths:
            _, cached = decoded(bench, batch, self._new_tokens, tokens, self._context, **self._options(kept))
        apart = distance(cold.flatten(0, 1), cached.flatten(0, 1))
        times = excess(apart, rounding)
        parting = divergence(tokens, cold, cached, bench.tokenizer)
        parting = parting.model_copy(update={"row": row}) if parting else None
        level = level_of(config, config, apart, apart, times)
        said = sentence(level, names, times, "", parting, dtype_of(bench, (config, config)))
        return Same(apart, rounding, times, level, parting, said, float(widths[0]))

    def _options(self, kept: int) -> dict[str, Any]:
        return {"past_key_values": kv.copied(self._bench, self._cache, kept)}


@contextmanager
def _first_pass(model: Any) -> Iterator[list[int]]:
    """Tokens that each forward pass within it gets; the first is the prefill."""
    widths: list[int] = []
    handle = model.get_input_embeddings().register_forward_pre_hook(
        lambda _module, inputs: widths.append(int(inputs[0].shape[-1]))
    )
    try:
        yield widths
    finally:
        handle.remove()
