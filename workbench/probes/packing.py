"""Packing: the prompts of a batch one after the other in a single row, so that no position is padding.

Each token sees those before it in its own prompt: the position ids begin anew with every prompt, and the mask is causal
in blocks (Krell et al. 2021, Efficient Sequence Packing without Cross-contamination, arXiv:2107.02027). transformers
reads such blocks from position ids only where there is no cache, which a prompt must fill; so the mask is given: four
dimensions for eager and sdpa; FlashAttention takes the prompts' boundaries instead (its varlen kernels). Afterwards the
cache is cut into rows that end together, over which `generate` goes on as over any left-padded batch.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch
from transformers import DynamicCache

from workbench.probes.bench import Bench
from workbench.words import Message, say

_FLASH = ("flash_attention_2", "flash_attention_3", "flash_attention_4")


def why_not(bench: Bench) -> Message | None:
    """The reason why prompts cannot be packed under the settings in force, or None."""
    config = bench.config
    if config.cache != "dynamic":
        return say("batching.packed_cache", cache=config.cache)
    if config.attention not in ("eager", "sdpa", *_FLASH):
        return say("batching.packed_attention", attention=config.attention)
    others = {type(layer).__name__ for layer in DynamicCache(config=bench.model.config).layers} - {"DynamicLayer"}
    if others:
        return say("batching.packed_layers", kinds=", ".join(sorted(others)))
    return None


def prefill(bench: Bench, rows: Sequence[torch.Tensor]) -> tuple[torch.Tensor, DynamicCache]:
    """Logits after each prompt [batch, vocabulary], and the cache of all, cut into rows that end together."""
    lengths = [len(row) for row in rows]
    ends = list(accumulate(lengths))
    device = rows[0].device
    cache = DynamicCache(config=bench.model.config)
    output = bench.model(
        input_ids=torch.cat(list(rows))[None],
        position_ids=torch.cat([torch.arange(length, device=device) for length in lengths])[None],
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=torch.tensor(ends, device=device) - 1,
        **_boundaries(bench, lengths, device),
    )
    _cut(cache, lengths)
    return output.logits[0], cache


def _boundaries(bench: Bench, lengths: Sequence[int], device: torch.device) -> dict[str, Any]:
    if bench.config.attention in _FLASH:
        edges = torch.tensor([0, *accumulate(lengths)], dtype=torch.int32, device=device)
        longest = max(lengths)
        return {"cu_seq_lens_q": edges, "cu_seq_lens_k": edges, "max_length_q": longest, "max_length_k": longest}
    blocks = [torch.ones(length, length, dtype=torch.bool, device=device).tril() for length in lengths]
    allowed = torch.block_diag(*blocks).bool()[None, None]  # type: ignore[no-untyped-call]
    if bench.config.attention == "sdpa":
        return {"attention_mask": allowed}
    dtype = bench.model.get_input_embeddings().weight.dtype
    forbidden = torch.zeros(allowed.shape, dtype=dtype, device=device)
    return {"attention_mask": forbidden.masked_fill(~allowed, torch.finfo(dtype).min)}


def _cut(cache: DynamicCache, lengths: Sequence[int]) -> None:
    """[1, heads, all prompts, width] -> [batch, heads, longest, width], in every layer; zeros before a shorter row."""
    longest = max(lengths)
    for layer in cache.layers:
        for name in ("keys", "values"):
            packed = getattr(layer, name)
            _, heads, _, width = packed.shape
            cut = packed.new_zeros((len(lengths), heads, longest, width))
            for place, part in enumerate(torch.split(packed[0], list(lengths), dim=1)):
                cut[place, :, longest - part.shape[1] :] = part
            setattr(layer, name, cut)
