"""Which of two live configurations is faster: short runs that alternate on the resident model, judged by pairs.

A B B A A B …, so that whatever drifts with time meets both alike. The sampling unit is the pair. Where two pairs meet,
one configuration follows itself: these neighbours are the A/A pairs that give the noise floor, taken in the same minute
as the verdict. Definitions of the metrics: `workbench.metrics`.
"""

import math
import time
from typing import Any, Protocol

import torch

from workbench.config import Config
from workbench.judging import COMPARED, Pair, Run, floor_of, half_width, judge, names_of
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.device.cpu import Neighbours
from workbench.probes.timing import SHARED_CORES, fixed_run, prepare
from workbench.results import Comparison, Workload
from workbench.words import say
from workbench.words.format import number

BLOCK_TOKENS = 16
ENOUGH_PAIRS = 20
FEWEST_PAIRS = 6
LEAST_PAIRS = 3  # whatever the budget: below them there is no noise floor


class Switching(Bench, Protocol):
    """A bench whose live settings can be changed."""

    def switch(self, config: Config, context: Context, *, proven: bool = False) -> None:
        """Puts a live config in force. `proven`: without the one-token forward that proves that it works."""


def run(bench: Switching, params: dict[str, Any], context: Context) -> Comparison:
    """Compares params a and b (configs as dicts) on `workload` until known to ±`precision`, or `budget_s` is spent.

    params: a, b, workload, precision (share, default 0.05), budget_s (default 60). The configuration that was in force
    is in force again afterwards.
    """
    before = bench.config
    try:
        return _compare(bench, params, context)
    finally:
        bench.switch(before, Context(context.emit), proven=True)


def _compare(bench: Switching, params: dict[str, Any], context: Context) -> Comparison:
    a, b = Config(**params["a"]), Config(**params["b"])
    workload = Workload(**params["workload"])
    precision, budget_s = params.get("precision", 0.05), params.get("budget_s", 60.0)
    blocks = Blocks(bench, workload, context)
    began = time.monotonic()

    context.enter(say("phase.warming_up"))
    context.progress(say("progress.warm_up"), 0)
    resolved = []
    for config in (a, b):
        bench.switch(config, context)
        blocks.run()
        resolved.append(bench.resolved())

    context.enter(say("phase.comparing"))
    context.mark("begin")
    with Neighbours() as neighbours:
        pairs: list[Pair] = []
        same: list[Pair] = []
        stopped_by = ""
        while not stopped_by:
            side = len(pairs) % 2  # which configuration comes first in this pair, and came last in the one before
            pairs.append(blocks.pair(a, b, swapped=side == 1))
            if len(pairs) > 1:
                same.append((pairs[-2][side], pairs[-1][side]))
            reached, spent_s = half_width(pairs), time.monotonic() - began
            if len(pairs) >= FEWEST_PAIRS and reached <= precision:
                stopped_by = "precision"
            elif len(pairs) >= LEAST_PAIRS and spent_s + spent_s / len(pairs) > budget_s:
                stopped_by = "budget"
            else:
                percent = number(100 * reached) if math.isfinite(reached) else "?"
                said = say("progress.pair", done=len(pairs), percent=percent)
                context.progress(said, len(pairs), _expected(len(pairs), reached, precision))
    context.mark("end")
    floor = floor_of(same)
    flags = list(bench.facts.notes)
    if neighbours.cores is not None and neighbours.cores > SHARED_CORES:
        flags.append(say("flag.shared", cores=f"{neighbours.cores:.1f}"))
    if stopped_by == "budget" and len(pairs) < ENOUGH_PAIRS:
        flags.append(say("flag.few_pairs", pairs=len(pairs)))
    return Comparison(
        a=a.to_dict(),
        b=b.to_dict(),
        resolved_a=resolved[0],
        resolved_b=resolved[1],
        workload=blocks.workload,
        **judge(pairs, floor, names_of(a, b)),
        pairs=len(pairs),
        floor=floor,
        cpu_busy_elsewhere=neighbours.cores,
        stopped_by=stopped_by,
        seconds=time.monotonic() - began,
        flags=tuple(flags),
    )


class Blocks:
    """Short runs of one workload: its prompt, and at most BLOCK_TOKENS new tokens."""

    def __init__(self, bench: Switching, workload: Workload, context: Context) -> None:
        self._bench = bench
        self._context = context
        block = workload.replace(new_tokens=min(workload.new_tokens, BLOCK_TOKENS))
        self._batch: dict[str, torch.Tensor] = prepare(bench, block)
        self.workload = block.replace(prompt_tokens=self._batch["input_ids"].shape[1])

    def run(self) -> Run:
        """Under the configuration in force."""
        sample = fixed_run(self._bench, self._batch, self.workload.new_tokens, self._context)
        return {metric: getattr(sample, metric) for metric in COMPARED}

    def pair(self, a: Config, b: Config, *, swapped: bool) -> Pair:
        """A run of each, b's first when `swapped`; always returned as (a's, b's)."""
        runs = []
        for config in (b, a) if swapped else (a, b):
            self._bench.switch(config, self._context, proven=True)
            runs.append(self.run())
        return (runs[1], runs[0]) if swapped else (runs[0], runs[1])


def _expected(done: int, reached: float, precision: float) -> int:
    """Pairs that the spread so far asks for."""
    if not math.isfinite(reached):
        return FEWEST_PAIRS
    return max(FEWEST_PAIRS, done + 1, round(done * (reached / precision) ** 2))
