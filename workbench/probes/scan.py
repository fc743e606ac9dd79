"""One rung of a scan: several live configurations at one value, in rounds that go forwards and backwards by turns.

A round gives every configuration one run, close in time, so that ratios are paired by round.
"""

import math
import time
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from workbench.config import Config
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.device.cpu import Neighbours
from workbench.probes.memory import Peak, out_of_memory
from workbench.probes.routed import counted
from workbench.probes.timing import fixed_run, prepare
from workbench.results import Resolved, RoutedExperts, Rung, RungLine, Workload
from workbench.stats import ratio_interval, relative_half_width
from workbench.words import Message, say

SCANNED = ("prefill_tps", "decode_tps", "ttft_s", "tpot_s")
_JUDGED = ("prefill_tps", "decode_tps")


def run(bench: Bench, params: dict[str, Any], context: Context) -> Rung:
    """params: lines (config and workload, each as a dict), precision (share), budget_s, fewest (rounds).

    Each line is warmed up once before. The configuration that was in force is in force again afterwards.
    """
    before = bench.config
    try:
        return _rung(bench, [_Line(bench, **line) for line in params["lines"]], params, context)
    finally:
        bench.switch(before, Context(context.emit), proven=True)


class _Line:
    def __init__(self, bench: Bench, config: dict[str, Any], workload: dict[str, Any]) -> None:
        self._bench = bench
        self.config = Config(**config)
        self.workload = Workload(**workload)
        self.samples: dict[str, list[float]] = {metric: [] for metric in SCANNED}
        self.peak: Peak | None = None
        self.resolved: Resolved | None = None
        self.routed: RoutedExperts | None = None
        self.failed: Message | None = None

    def warm_up(self, context: Context) -> None:
        """The first run, whose peak of memory counts; where memory does not hold it the line has failed."""
        self.failed = out_of_memory(self._bench.device, lambda: self._first(context))

    def _first(self, context: Context) -> None:
        self._bench.switch(self.config, context)
        self.batch = prepare(self._bench, self.workload)
        with Peak(self._bench.device) as peak, counted(self._bench) as routed:
            fixed_run(self._bench, self.batch, self.workload.new_tokens, context)
        self.peak, self.resolved, self.routed = peak, self._bench.resolved(), routed.found()

    def measure(self, context: Context) -> None:
        self._bench.switch(self.config, context, proven=True)
        sample = fixed_run(self._bench, self.batch, self.workload.new_tokens, context)
        for metric in SCANNED:
            self.samples[metric].append(getattr(sample, metric))

    def result(self) -> RungLine:
        return RungLine(
            samples={metric: tuple(values) for metric, values in self.samples.items()},
            peak_bytes=self.peak.bytes if self.peak else None,
            peak_method=self.peak.method if self.peak else "",
            resolved=self.resolved,
            failed=self.failed,
            routed=self.routed,
        )


def _rung(bench: Bench, lines: list[_Line], params: dict[str, Any], context: Context) -> Rung:
    precision, budget_s, fewest = params["precision"], params["budget_s"], params["fewest"]
    began = time.monotonic()
    context.enter(say("phase.warming_up"))
    for line in lines:
        line.warm_up(context)
    working = [line for line in lines if line.failed is None]
    context.enter(say("phase.scanning"))
    rounds = 0
    taking = time.monotonic()
    with Neighbours() as neighbours:
        while working:
            for line in working if rounds % 2 == 0 else reversed(working):
                line.measure(context)
            rounds += 1
            spent_s = time.monotonic() - taking
            over_budget = time.monotonic() - began + spent_s / rounds > budget_s
            if rounds >= fewest and (over_budget or _widest(working) <= precision):
                break
    return Rung(
        lines=tuple(line.result() for line in lines),
        round_seconds=(time.monotonic() - taking) / max(rounds, 1),
        others_cores=neighbours.cores,
    )


def _widest(lines: Sequence[_Line]) -> float:
    """Half width of the widest interval that the chart shows: of means, and of ratios against the first line."""
    means = [relative_half_width(line.samples[metric]) for line in lines for metric in _JUDGED]
    ratios = []
    for line in lines[1:]:
        for metric in _JUDGED:
            _, (low, high) = ratio_interval(list(zip(lines[0].samples[metric], line.samples[metric], strict=True)))
            ratios.append(math.log(high / low) / 2)
    return max(fmean(means), *ratios) if ratios else fmean(means)
