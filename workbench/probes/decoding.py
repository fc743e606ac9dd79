"""Answers to one set of prompts under several decoding settings, all draws of a setting in one batch."""

from collections.abc import Sequence
from typing import Any

import torch

from workbench.config import Config
from workbench.knobs.sampling_remarks import remarks
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.forced import Recorder
from workbench.probes.processors import Checked, processors
from workbench.probes.quality.decode import batch_of, rendered
from workbench.probes.quality.logits import Reader
from workbench.probes.timing import check_length
from workbench.results import DecodedAnswer, DecodedRuns, DecodedSetting, FinishReason
from workbench.words import say

ROWS = 64  # of one batch; more draws take further batches
REPEATED = 8  # tokens of each answer that are made twice, to see whether a seed repeats them

Written = list[tuple[list[int], FinishReason]]  # of each row: its tokens, and why they end


def run(bench: Bench, params: dict[str, Any], context: Context) -> DecodedRuns:
    """params: prompts (texts, messages), configs (as dicts), changes (their names), processors (of each), seeds,
    max_new_tokens, threads.

    threads  on a CPU, where the config leaves their number open: nothing is timed here, and what decodes one row
             fastest is slow for a batch

    The configuration that was in force is in force again afterwards. ConfigError beyond the context.
    """
    before = bench.config
    prompts = [_ids(bench, prompt) for prompt in params["prompts"]]
    check_length(max(map(len, prompts)), params["max_new_tokens"], bench.facts.context_length)
    runs = _Runs(bench, context, prompts, params["seeds"], params["max_new_tokens"])
    context.enter(say("decoding.writing"))
    total = len(params["configs"])
    settings = []
    try:
        asked = zip(params["configs"], params["changes"], map(processors, params["processors"]), strict=True)
        for index, (values, changes, made) in enumerate(asked):
            context.progress(say("decoding.setting", index=index + 1, total=total), index, total)
            if before.threads == "auto":
                values = {**values, "threads": params["threads"]}
            bench.switch(Config(**values), context, proven=True)
            settings.append(runs.of(changes, made, count_ties=index == 0))
    finally:
        bench.switch(before, Context(context.emit), proven=True)
    return DecodedRuns(
        settings=tuple(settings),
        ties=runs.ties,
        positions=runs.positions,
        dtype=bench.resolved().dtype if before.autocast == "off" else before.autocast,
        batch_rows=min(ROWS, len(prompts) * params["seeds"]),
    )


def written(
    bench: Bench,
    batch: dict[str, torch.Tensor],
    new_tokens: int,
    context: Context,
    processors: Sequence[Checked] = (),
) -> Written:
    """What each row of `batch` is answered under everything in force, stops and a person's processors included."""
    start = batch["input_ids"].shape[1]
    stops = bench.stops.criteria(start)

    def look(_step: int, _scores: torch.Tensor) -> None:
        context.check()

    with bench.interruptible(context):
        output = bench.produce(
            batch,
            None,
            new_tokens,
            fixed=False,
            stopping_criteria=stops,
            logits_processor=[Recorder(look), *processors],
        )
    end_ids = set(bench.resolved().eos_token_ids)
    found: Written = []
    for row, tokens in enumerate(output.sequences[:, start:].tolist()):
        ends: list[tuple[int, FinishReason]] = [
            (next((at + 1 for at, token in enumerate(tokens) if token in end_ids), len(tokens) + 1), "eos"),
            *((stop.met[row] - start, stop.reason) for stop in stops if row in stop.met),
            (len(tokens), "length"),
        ]
        length, reason = min(ends, key=lambda end: end[0])  # the first of equals: an end token before a stop
        found.append((tokens[:length], reason))
    return found


def _ids(bench: Bench, prompt: Any) -> list[int]:
    text, messages = (prompt, None) if isinstance(prompt, str) else ("", prompt)
    return rendered(bench.tokenizer, text, messages, answered=True)


class _Runs:
    """Settings one after the other; exact ties of logits are counted on the way."""

    def __init__(
        self, bench: Bench, context: Context, prompts: Sequence[Sequence[int]], seeds: int, new_tokens: int
    ) -> None:
        self._bench = bench
        self._context = context
        self._prompts = prompts
        self._seeds = seeds
        self._new_tokens = new_tokens
        self._reader = Reader(bench, context)
        self.ties = self.positions = 0

    def of(self, changes: dict[str, Any], made: Sequence[Checked], *, count_ties: bool) -> DecodedSetting:
        config = self._bench.config
        if made:
            changes = {**changes, "logits_processors": [each.name for each in made]}
        draws = self._seeds if config.do_sample else 1
        rows = [(prompt, draw) for draw in range(draws) for prompt in range(len(self._prompts))]
        repeat = min(REPEATED, self._new_tokens)
        answers: list[DecodedAnswer] = []
        again = 0
        for first in range(0, len(rows), ROWS):
            part = rows[first : first + ROWS]
            batch = batch_of(self._bench, [self._prompts[prompt] for prompt, _ in part])
            found = self._drawn(batch, self._new_tokens, first, made)
            once_more = self._drawn(batch, repeat, first, made)
            again += sum(one[:repeat] == other for (one, _), (other, _) in zip(found, once_more, strict=True))
            nll = self._nll(batch, [tokens for tokens, _ in found], count_ties=count_ties)
            answers += [
                DecodedAnswer(prompt=prompt, draw=draw, tokens=tuple(tokens), finish=reason, nll=loss)
                for (prompt, draw), (tokens, reason), loss in zip(part, found, nll, strict=True)
            ]
        return DecodedSetting(
            changes=changes,
            sampled=config.do_sample,
            answers=tuple(answers),
            repeated=(again, len(rows)),
            repeat_tokens=repeat,
            notes=remarks(config),
        )

    def _drawn(self, batch: dict[str, torch.Tensor], new_tokens: int, first: int, made: Sequence[Checked]) -> Written:
        seed = self._bench.config.seed
        torch.manual_seed((0 if seed == "random" else seed) + first)
        return written(self._bench, batch, new_tokens, self._context, made)

    def _nll(
        self, batch: dict[str, torch.Tensor], answers: Sequence[Sequence[int]], *, count_ties: bool
    ) -> list[float | None]:
        """Mean −ln p of each answer under the model as it is, without temperature, cuts and penalties."""
        start, longest = batch["input_ids"].shape[1], max(map(len, answers))
        targets = torch.zeros(len(answers), longest, dtype=torch.long)
        there = torch.zeros_like(targets)
        for row, tokens in enumerate(answers):
            targets[row, : len(tokens)] = torch.tensor(tokens)
            there[row, : len(tokens)] = 1
        targets, there = targets.to(self._bench.device), there.to(self._bench.device)
        whole = {
            "input_ids": torch.cat([batch["input_ids"], targets], dim=1),
            "attention_mask": torch.cat([batch["attention_mask"], there], dim=1),
        }
        sums = torch.zeros(len(answers), dtype=torch.float64)
        for where, logits in self._reader.logits(whole, start - 1, start + longest - 1):
            at = slice(where.start + 1 - start, where.stop + 1 - start)
            mask = there[:, at].bool()
            if count_ties:
                highest = logits.topk(2, dim=-1).values
                self.ties += int(((highest[..., 0] == highest[..., 1]) & mask).sum())
                self.positions += int(mask.sum())
            logp = logits.float().log_softmax(-1).gather(-1, targets[:, at, None])[..., 0]
            sums -= logp.masked_fill(~mask, 0.0).sum(1).double().cpu()
        return [total / len(tokens) if tokens else None for total, tokens in zip(sums.tolist(), answers, strict=True)]
