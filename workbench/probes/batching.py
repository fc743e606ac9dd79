"""Requests of unequal length, served in several ways by turns: rates, first tokens, shapes, memory, the same tokens.

Every way serves the same requests in each round, and the rounds go forwards and backwards by turns, so that ratios are
paired by round and the runs where two rounds meet show what chance does. What each prompt alone is answered is the
measure of the tokens.
"""

import time
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import torch

from workbench.buckets import Buckets, by_count, by_width
from workbench.errors import CapabilityError
from workbench.pairing import SHARED_CORES
from workbench.probes import continuous, packing
from workbench.probes.agreement import rounding_of
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.device.cpu import Neighbours
from workbench.probes.forced import Recorder
from workbench.probes.memory import Peak, out_of_memory
from workbench.probes.requests import rows_of, together
from workbench.probes.serving import Served, Way, Work, continuously, counting, in_batches
from workbench.results import Batching, BatchingWay, Divergence, SameTokens, Shapes, Workload
from workbench.rounding import tie_width
from workbench.served import AGAINST, FEWEST_ROUNDS, SERVED, floor_of, numbers_of, verdict, widest
from workbench.words import Message, say

_WHY_NOT = {"packed": packing.why_not, "continuous": continuous.why_not}


def run(bench: Bench, params: dict[str, Any], context: Context) -> Batching:
    """params: workload (as a dict), answers (new tokens of each request), ways, refused (way -> Message as a dict),
    buckets ({"count"} or {"width"}), precision (share), budget_s, padded_first.
    """
    began = time.monotonic()
    workload = Workload(**params["workload"])
    work = Work(bench, rows_of(bench, workload), params["answers"], context)
    refused = {name: Message(**said) for name, said in params["refused"].items()}
    lines = [
        _Line(name, work, _buckets(name, work.lengths, params["buckets"]), refused.get(name)) for name in params["ways"]
    ]
    context.enter(say("phase.warming_up"))
    for line in lines:
        context.progress(say("progress.batching", way=line.name), 0)
        line.warm_up()
    context.enter(say("phase.agreement"))
    _check(work, lines)
    working = [line for line in lines if line.why_not is None]
    context.enter(say("phase.batching"))
    stopped_by, cores = _rounds(working, params["precision"], params["budget_s"], context, began)
    floor = floor_of([line.samples for line in working])
    padded = next((line.samples for line in working if line.name == AGAINST), None)
    ways = [line.result(padded) for line in lines]
    flags = list(bench.facts.notes)
    if cores is not None and cores > SHARED_CORES:
        flags.append(say("flag.shared", cores=f"{cores:.1f}"))
    return Batching(
        lengths=tuple(work.lengths),
        answers=tuple(work.answers),
        ways=tuple(way.model_copy(update={"verdict": verdict(way, floor)}) for way in ways),
        buckets=params["buckets"],
        floor=floor,
        stopped_by=stopped_by,
        resolved=bench.resolved(),
        workload=workload,
        cpu_busy_elsewhere=cores,
        seconds=time.monotonic() - began,
        flags=tuple(flags),
    )


def _buckets(name: str, lengths: Sequence[int], asked: Mapping[str, int]) -> Buckets:
    if name == "one_by_one":
        return tuple((place,) for place in range(len(lengths)))
    if name == "bucketed":
        return by_width(lengths, asked["width"]) if "width" in asked else by_count(lengths, asked["count"])
    return (tuple(range(len(lengths))),)


class _Line:
    """One way over all rounds."""

    def __init__(self, name: str, work: Work, buckets: Buckets, refused: Message | None) -> None:
        self.name = name
        self.why_not = refused or (_WHY_NOT[name](work.bench) if name in _WHY_NOT else None)
        self.samples: dict[str, list[float]] = {metric: [] for metric in SERVED}
        self.tokens: list[list[int]] = []
        self.same: SameTokens | None = None
        self._work = work
        self._batches = tuple(map(len, buckets))
        self._serve: Way = continuously if name == "continuous" else in_batches(buckets, packed=name == "packed")
        self._first: Served | None = None
        self._shapes: Shapes | None = None
        self._peak: Peak | None = None

    def warm_up(self) -> None:
        """The first run: its peak of memory, its shapes and its tokens count, its time does not."""
        if self.why_not is not None:
            return
        try:
            self.why_not = out_of_memory(self._work.bench.device, self._run_first)
        except CapabilityError as error:
            self.why_not = say("batching.refused", problem=error.what)

    def _run_first(self) -> None:
        with counting(self._work.bench) as counter, Peak(self._work.bench.device) as peak:
            served = self._serve(self._work)
        self.tokens, self._first, self._peak = served.tokens, served, peak
        if served.countable:
            self._shapes = counter.shapes(self._work, mixed=self.name == "continuous")

    def measure(self) -> None:
        served = self._serve(self._work)
        requests, new = len(served.tokens), sum(self._work.answers)
        values = {
            "requests_per_s": requests / served.seconds,
            "new_tps": new / served.seconds,
            "ttft_p50_s": median(served.first_s),
            "ttft_max_s": max(served.first_s),
            "latency_p50_s": median(served.last_s),
            "e2e_s": served.seconds,
        }
        for metric, value in values.items():
            self.samples[metric].append(value)

    def result(self, padded: Mapping[str, Sequence[float]] | None) -> BatchingWay:
        if self.why_not is not None or self._first is None:
            return BatchingWay(name=self.name, why_not=self.why_not)
        return BatchingWay(
            name=self.name,
            batches=self._batches,
            **numbers_of(self.samples, None if padded is self.samples else padded),
            shapes=self._shapes,
            tokens=self.same,
            peak_bytes=self._peak.bytes if self._peak else None,
            cache_bytes=self._first.cache_bytes,
            setup_s=self._first.setup_s or None,
            attention=self._first.attention,
        )


def _check(work: Work, lines: Sequence[_Line]) -> None:
    """Sets each way's tokens against those of each prompt alone, which are made where that is none of the ways."""
    alone = next((line.tokens for line in lines if line.name == "one_by_one"), [])
    if not alone:
        alone = in_batches(tuple((place,) for place in range(len(work.rows))))(work).tokens
    looked_up: dict[tuple[int, int], torch.Tensor] = {}
    ran = [line for line in lines if line.why_not is None]
    differing = {line.name: _first_others(alone, line.tokens) for line in ran}
    width = _tie_width(work) if any(differing.values()) else 0.0
    for line in ran:
        found = []
        for place, index in differing[line.name]:
            if (place, index) not in looked_up:
                looked_up[place, index] = _logits(work, place, index)
            logits = looked_up[place, index]
            ours, theirs = alone[place][index], line.tokens[place][index]
            found.append(
                Divergence(
                    row=place,
                    index=index,
                    token_a=ours,
                    token_b=theirs,
                    text_a=work.bench.tokenizer.decode([ours]),
                    text_b=work.bench.tokenizer.decode([theirs]),
                    margin=(logits[ours] - logits[theirs]).item(),
                )
            )
        worst = max(found, key=lambda each: each.margin, default=None)
        line.same = SameTokens(
            requests=len(alone),
            differing=len(found),
            first=worst,
            near_tie=worst is None or worst.margin <= width,
        )


def _first_others(alone: Sequence[list[int]], tokens: Sequence[list[int]]) -> list[tuple[int, int]]:
    """(request, index of its first other token), of those that have one."""
    found = []
    for place, (ours, theirs) in enumerate(zip(alone, tokens, strict=True)):
        index = next((at for at, (one, other) in enumerate(zip(ours, theirs, strict=True)) if one != other), None)
        if index is not None:
            found.append((place, index))
    return found


def _tie_width(work: Work) -> float:
    """How close two logits lie that rounding may exchange, on the longest prompt alone."""
    longest = max(work.rows, key=len)
    sides = (work.bench.config, work.bench.config)
    batch = together([longest], work.bench.resolved())
    return tie_width(rounding_of(work.bench, sides, None, batch, work.context))


def _logits(work: Work, place: int, index: int) -> torch.Tensor:
    """Of one prompt alone, at one of its new tokens: [vocabulary]."""
    kept: list[torch.Tensor] = []

    def keep(step: int, scores: torch.Tensor) -> None:
        if step == index:
            kept.append(scores[0].to("cpu", torch.float32, copy=True))

    batch = together([work.rows[place]], work.bench.resolved())
    with work.bench.interruptible(work.context):
        work.bench.produce(batch, None, index + 1, logits_processor=[Recorder(keep)])
    return kept[0]


def _rounds(
    lines: Sequence[_Line], precision: float, budget_s: float, context: Context, began: float
) -> tuple[str, float | None]:
    taking = time.monotonic()
    rounds, stopped_by = 0, "budget"
    with Neighbours() as neighbours:
        while lines:
            for line in lines if rounds % 2 == 0 else reversed(lines):
                context.progress(say("progress.batching_round", way=line.name, round=rounds + 1), rounds)
                line.measure()
            rounds += 1
            if rounds >= FEWEST_ROUNDS and widest({line.name: line.samples for line in lines}) <= precision:
                stopped_by = "precision"
                break
            spent_s = time.monotonic() - taking
            if rounds >= FEWEST_ROUNDS and time.monotonic() - began + spent_s / rounds > budget_s:
                break
    return stopped_by, neighbours.cores
