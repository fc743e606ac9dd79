"""The prompts of several requests as token ids, each of its own length; and batches of them, padded."""

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import torch

from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.results import Requests, Resolved, Workload

SHORTEST = 16  # times shorter than the longest of the built-in prompts


def run(bench: Bench, params: dict[str, Any], _context: Context) -> Requests:
    """params: workload (as a dict)."""
    return Requests(lengths=tuple(len(row) for row in rows_of(bench, Workload(**params["workload"]))))


def rows_of(bench: Bench, workload: Workload) -> list[torch.Tensor]:
    """Token ids [time] of each request: the workload's prompts, or `batch_size` of the built-in text.

    The latter are from a 16th of `prompt_tokens` up to all of it, each longer than the one before by the same factor,
    in an order that mixes them.
    """
    if workload.prompts is not None:
        count = workload.batch_size if workload.batch_size > 1 else len(workload.prompts)
        texts = [workload.prompts[row % len(workload.prompts)] for row in range(count)]
        return [bench.inputs([text])["input_ids"][0] for text in texts]
    text = files("workbench.probes").joinpath("texts/workload.txt").read_text(encoding="utf-8")
    ids = bench.inputs([text])["input_ids"][0]
    lengths = mixed_lengths(workload.prompt_tokens, workload.batch_size)
    rows = []
    for place, length in enumerate(lengths):
        start = (workload.seed + 13 * place) * 97 % len(ids)
        rows.append(ids.repeat(-(-(start + length) // len(ids)))[start : start + length])
    return rows


def mixed_lengths(longest: int, count: int) -> list[int]:
    """`count` lengths up to `longest`, in equal steps of their logarithm, the longest not at an end of the order."""
    if count == 1:
        return [longest]
    sorted_lengths = [max(round(longest * SHORTEST ** (place / (count - 1) - 1)), 1) for place in range(count)]
    stride = next(stride for stride in range(count // 2 + 1, 2 * count) if _coprime(stride, count))
    return [sorted_lengths[(place + 1) * stride % count] for place in range(count)]


def _coprime(a: int, b: int) -> bool:
    while b:
        a, b = b, a % b
    return a == 1


def together(rows: Sequence[torch.Tensor], resolved: Resolved) -> dict[str, torch.Tensor]:
    """One padded batch: ids and mask [batch, longest], padded with the token and on the side in force."""
    longest = max(len(row) for row in rows)
    input_ids = rows[0].new_full((len(rows), longest), resolved.pad_token_id or 0)
    mask = torch.zeros_like(input_ids)
    for place, row in enumerate(rows):
        where = slice(longest - len(row), None) if resolved.padding_side == "left" else slice(0, len(row))
        input_ids[place, where] = row
        mask[place, where] = 1
    return {"input_ids": input_ids, "attention_mask": mask}
