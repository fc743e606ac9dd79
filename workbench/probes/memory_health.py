"""The allocator over requests of given lengths: read before them, after each, and when what is unused went back."""

import math
import time
from array import array
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean
from typing import Any

import psutil
import torch

from workbench.probes.allocator import release, state
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.memory import Peak
from workbench.probes.timing import fixed_run, prepare
from workbench.results import AllocatorState, Workload
from workbench.results.memory_health import Growth, HealthPoint, HealthRun
from workbench.stats import mean_interval
from workbench.trends import FEWEST as FEWEST_VALUES
from workbench.trends import trend
from workbench.words import say

FEWEST = 2
_WARM_UP_TOKENS = 2
_TOLD = tuple(name for name in AllocatorState.model_fields if name not in ("source", "missing"))
_UNTOLD = -1


def run(bench: Bench, params: dict[str, Any], context: Context) -> HealthRun:
    """params: workload (as a dict), lengths ((prompt tokens, new tokens) of each request), budget_s.

    A short request goes before them, which libraries take memory of their own for. Each request is fixed work.
    """
    workload, lengths = Workload(**params["workload"]), params["lengths"]
    began = time.monotonic()
    context.enter(say("phase.warming_up"))
    short = workload.replace(prompt_tokens=min(each[0] for each in lengths), new_tokens=_WARM_UP_TOKENS)
    fixed_run(bench, prepare(bench, short), _WARM_UP_TOKENS, context)
    release(bench.device)
    before = state(bench.device)
    context.enter(say("phase.memory_health"))
    context.mark("begin")
    seen = Ledger(len(lengths), before)
    stopped_by = "requests"
    for prompt_tokens, new_tokens in lengths:
        spent_s = time.monotonic() - began
        if seen.count >= FEWEST and spent_s + spent_s / seen.count > params["budget_s"]:
            stopped_by = "budget"
            break
        context.progress(say("progress.memory_health", request=seen.count + 1), seen.count, len(lengths))
        request = workload.replace(prompt_tokens=prompt_tokens, new_tokens=new_tokens)
        seen.add(*_request(bench, request, context), state(bench.device))
    context.mark("end")
    points = seen.points(lengths)
    release(bench.device)
    return HealthRun(
        allocator=bench.config.allocator,
        resolved=bench.resolved(),
        before=before,
        points=points,
        given_back=state(bench.device),
        growth=growth_of([point.state for point in points]),
        stopped_by=stopped_by,
        seconds=time.monotonic() - began,
    )


class Ledger:
    """Numbers of the requests so far, in memory taken before them: what is noted here must not look like a leak.

    like  a state whose source and reasons all of them have
    """

    def __init__(self, requests: int, like: AllocatorState) -> None:
        self.count = 0
        self._like = like
        self._numbers = array("q", bytes(8 * requests * (2 + len(_TOLD))))

    def add(self, peak_bytes: int, need_bytes: int, now: AllocatorState) -> None:
        at = self.count * (2 + len(_TOLD))
        self._numbers[at], self._numbers[at + 1] = peak_bytes, need_bytes
        for place, name in enumerate(_TOLD, start=at + 2):
            value = getattr(now, name)
            self._numbers[place] = _UNTOLD if value is None else value
        self.count += 1

    def points(self, lengths: Sequence[Sequence[int]]) -> tuple[HealthPoint, ...]:
        return tuple(self._point(at, *lengths[at]) for at in range(self.count))

    def _point(self, at: int, prompt_tokens: int, new_tokens: int) -> HealthPoint:
        width = 2 + len(_TOLD)
        peak, need, *told = self._numbers[at * width : (at + 1) * width]
        numbers = {name: None if value == _UNTOLD else value for name, value in zip(_TOLD, told, strict=True)}
        return HealthPoint(
            prompt_tokens=prompt_tokens,
            new_tokens=new_tokens,
            peak_bytes=peak,
            need_bytes=need,
            state=self._like.model_copy(update=numbers),
        )


def _request(bench: Bench, workload: Workload, context: Context) -> tuple[int, int]:
    """Peak, and what it took beside what was in use before, bytes."""
    batch = prepare(bench, workload)
    held = _held(bench.device)
    with Peak(bench.device) as peak:
        fixed_run(bench, batch, workload.new_tokens, context)
    return peak.bytes, max(peak.bytes - held, 0)


def _held(device: torch.device) -> int:
    """In the unit of `Peak`."""
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else psutil.Process().memory_info().rss


def growth_of(states: Sequence[AllocatorState]) -> dict[str, Growth]:
    """Of what is in use, held and resident, over the second half of the requests.

    By the trend; where each value is too much like the one before for one, by the mean of the steps between them, which
    then are what is independent. Fewer than `trends.FEWEST` values have no interval.
    """
    later = states[len(states) // 2 :]
    found = {}
    for name in ("in_use", "held", "resident"):
        values = [getattr(each, name) for each in later]
        if None in values:
            continue
        seen = trend([float(at) for at in range(len(values))], [float(value) for value in values])
        slope, bounds = seen.slope, seen.ci95
        if not math.isfinite(bounds[0]) and len(values) >= FEWEST_VALUES:
            steps = [float(after - before) for before, after in pairwise(values)]
            slope, bounds = fmean(steps), mean_interval(steps)
        found[name] = Growth(slope=slope, ci95=bounds if math.isfinite(bounds[0]) else None)
    return found
