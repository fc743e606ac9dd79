"""Short runs of fixed work under the configuration in force: the unit that comparisons alternate.

Definitions of the metrics: `workbench.metrics`.
"""

import math
import time
from collections.abc import Sequence
from contextlib import nullcontext
from statistics import fmean
from typing import Any

import torch

from workbench.judging import COMPARED, Run
from workbench.pairing import Half, block_of
from workbench.probes.bench import Bench
from workbench.probes.conditions import During
from workbench.probes.context import Context
from workbench.probes.device.gate import together
from workbench.probes.memory import Peak
from workbench.probes.timing import fixed_run, prepare, warm_up_tokens
from workbench.results import Block, Workload
from workbench.words import say


def run(bench: Bench, params: dict[str, Any], context: Context) -> Block:
    """One warm-up run if asked, then `runs` runs.

    params: workload (as a dict), runs (default 1), warm_up (default False), peak (whether memory is looked at).
    """
    peak = Peak(bench.device) if params.get("peak") else None
    with peak or nullcontext():
        blocks = Blocks(bench, Workload(**params["workload"]), context)
        if params.get("warm_up"):
            context.enter(say("phase.warming_up"))
            blocks.warm_up()
        context.enter(say("phase.comparing"))
        halves = [blocks.run() for _ in range(params.get("runs", 1))]
    return Block(
        peak_bytes=peak.bytes if peak else None,
        run=_mean([half.run for half in halves]),
        seconds=sum(half.seconds for half in halves),
        conditions=together([half.conditions for half in halves]),
        workload=blocks.workload,
    )


class Blocks:
    """Runs of one workload: its prompt, and few new tokens; `whole`: all of them."""

    def __init__(self, bench: Bench, workload: Workload, context: Context, *, whole: bool = False) -> None:
        self._bench = bench
        self._context = context
        block = workload if whole else block_of(workload)
        self.batch: dict[str, torch.Tensor] = prepare(bench, block)
        self.workload = block.replace(prompt_tokens=self.batch["input_ids"].shape[1])

    def warm_up(self) -> None:
        """Nothing that a run does is done for the first time after it."""
        fixed_run(self._bench, self.batch, warm_up_tokens(self._bench.config, self.workload.new_tokens), self._context)

    def run(self) -> Half:
        """One run under the configuration in force."""
        began = time.perf_counter()
        with During(self._bench.device) as during:
            sample = fixed_run(self._bench, self.batch, self.workload.new_tokens, self._context)
        metrics = {metric: getattr(sample, metric) for metric in COMPARED}
        return Half(metrics, time.perf_counter() - began, during.found)


def _mean(runs: Sequence[Run]) -> dict[str, float]:
    """Geometric, by metric: ratios of rates are what is judged."""
    return {metric: math.exp(fmean(math.log(run[metric]) for run in runs)) for metric in COMPARED}
