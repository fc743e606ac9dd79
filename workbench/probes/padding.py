"""Padding on purpose: what rows of unlike length cost."""

import torch

from workbench.results import Resolved
from workbench.results.workload import padding_of


def padded(batch: dict[str, torch.Tensor], share: float, resolved: Resolved) -> dict[str, torch.Tensor]:
    """`batch` (input_ids [batch, time]) with `share` of its positions turned into padding, on the side in force.

    The first of several rows stays whole; the others lose more and more, evenly. A single row loses `share` itself.
    """
    input_ids, mask = batch["input_ids"].clone(), batch["attention_mask"].clone()
    rows, tokens = input_ids.shape
    for row, length in enumerate(padding_of(rows, tokens, share)):
        where = slice(0, length) if resolved.padding_side == "left" else slice(tokens - length, None)
        input_ids[row, where] = resolved.pad_token_id or 0
        mask[row, where] = 0
    return {"input_ids": input_ids, "attention_mask": mask}
