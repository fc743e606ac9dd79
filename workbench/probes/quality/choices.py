"""A multiple-choice set: each option scored as the end of its question, by log-probability per token."""

import math
from collections.abc import Sequence

import torch

from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.quality.decode import batch_of
from workbench.probes.quality.logits import Reader
from workbench.results import AnswerFlips
from workbench.stats import wilson
from workbench.suites import Choice
from workbench.words import say

_ITEMS = 8  # in one batch
Scores = Sequence[Sequence[float]]  # item -> option -> nats per token


def scores(bench: Bench, items: Sequence[Choice], context: Context) -> list[list[float]]:
    """item -> option -> mean ln p of its tokens after the question, under everything in force.

    NaN where the logits were not finite. Longer options have no handicap: the mean is over their own tokens.
    """
    rows = [_tokens(bench, item) for item in items]
    found: list[list[float]] = [[] for _item in items]
    in_order = sorted(range(len(items)), key=lambda index: max(len(ids) for ids, _start in rows[index]))
    reader = Reader(bench, context)
    for begin in range(0, len(items), _ITEMS):  # of like length, so that little is padding
        context.progress(say("behaviour.choices"), begin, len(items))
        chosen = in_order[begin : begin + _ITEMS]
        flat = [row for index in chosen for row in rows[index]]
        means = iter(_means(bench, reader, flat))
        for index in chosen:
            found[index] = [next(means) for _row in rows[index]]
    return found


def flips(items: Sequence[Choice], reference: Scores, candidate: Scores) -> AnswerFlips:
    """How many items' chosen options differ. An item without a finite score counts as changed and as wrong."""
    chosen = [(_best(own), _best(other)) for own, other in zip(reference, candidate, strict=True)]
    changed = [item.id for item, (own, other) in zip(items, chosen, strict=True) if own != other or other is None]
    right = [sum(item.answer == both[side] for item, both in zip(items, chosen, strict=True)) for side in (0, 1)]
    count = len(items)
    return AnswerFlips(
        items=count,
        flips=len(changed),
        flip_share=len(changed) / count,
        flip_share_ci95=wilson(len(changed), count),
        accuracy=(right[0] / count, right[1] / count),
        changed=tuple(changed),
    )


def _best(options: Sequence[float]) -> int | None:
    if not all(math.isfinite(score) for score in options):
        return None
    return max(range(len(options)), key=lambda index: options[index])


def _tokens(bench: Bench, item: Choice) -> list[tuple[list[int], int]]:
    """Of each option: question and option as token ids, and where the option begins.

    They are encoded as one text: a tokenizer joins a space to the word after it. Where the last token of the question
    merges with the option, the option begins with it.
    """
    space = "" if item.domain == "chinese" or "\u4e00" <= item.question[-1] <= "\u9fff" else " "
    question = list(bench.tokenizer(item.question)["input_ids"])
    rows = []
    for option in item.options:
        whole = list(bench.tokenizer(item.question + space + option)["input_ids"])
        start = next((at for at, (a, b) in enumerate(zip(question, whole, strict=False)) if a != b), len(question))
        rows.append((whole, max(min(start, len(whole) - 1), 1)))
    return rows


def _means(bench: Bench, reader: Reader, rows: Sequence[tuple[list[int], int]]) -> list[float]:
    # padded on the right: what stands before it is then the same whatever the mask says
    batch = batch_of(bench, [ids for ids, _start in rows], side="right")
    sums = torch.zeros(len(rows), dtype=torch.float64)
    ids = batch["input_ids"].cpu()
    starts = torch.tensor([start for _ids, start in rows])
    ends = torch.tensor([len(whole) for whole, _start in rows])
    for where, logits in reader.logits(batch, int(starts.min()) - 1, int(ends.max()) - 1):
        positions = torch.arange(where.start, where.stop) + 1  # of the tokens that these logits foretell
        targets = ids[:, positions]
        scored = logits.float()
        ln_p = scored.gather(-1, targets.to(scored.device)[..., None])[..., 0] - scored.logsumexp(-1)
        of_option = (positions >= starts[:, None]) & (positions < ends[:, None])
        sums += torch.where(of_option, ln_p.double().cpu(), 0.0).sum(1)
    return (sums / (ends - starts)).tolist()
