"""A steady load: requests of the workload one after another, or at a fixed rate, for seconds or minutes.

At a rate each request counts from its scheduled arrival, whatever the model was doing then: a slow one makes those
behind it late too, and is seen in them (no coordinated omission; Tene 2013, "How NOT to Measure Latency").
"""

import math
import random
import time
from typing import Any, Literal

import torch

from workbench.probes.bench import Bench
from workbench.probes.clock import Sample
from workbench.probes.context import Context
from workbench.probes.incidents import Incidents
from workbench.probes.processors import processors
from workbench.probes.timing import fixed_run, prepare, warm_up_tokens
from workbench.results import SteadyRequest, SteadyRuns, Workload
from workbench.words import say

LENGTHS = (0.5, 0.75, 1.0, 1.25, 1.5)  # of the workload's, where they vary: few, so that like is compared with like
KEPT_STEPS = 500_000  # of all requests together: some 20 MB on the wire
_TOLD_S = 0.5  # between two progress events
_SLICE_S = 0.05  # of a wait for the next arrival: Stop is noticed after it

Batch = dict[str, torch.Tensor]  # input_ids and attention_mask, [batch, time]


def run(bench: Bench, params: dict[str, Any], context: Context) -> SteadyRuns:
    """params: workload (as a dict), seconds; every_s (between two arrivals; None: one after another), vary (lengths),
    logits_processors (as `generate` takes them).

    A request that has begun is finished. Ends earlier once KEPT_STEPS steps are kept.
    """
    workload, seconds, every_s = Workload(**params["workload"]), params["seconds"], params.get("every_s")
    given = processors(params.get("logits_processors", ()))
    options = {"logits_processor": given} if given else {}  # transformers has no word for none
    vary = params.get("vary", False)
    lengths = [max(round(workload.new_tokens * each), 2) for each in LENGTHS] if vary else [workload.new_tokens]
    batches = _batches(bench, workload, max(lengths), vary)
    drawn = random.Random(workload.seed)

    context.enter(say("phase.warming_up"))
    context.progress(say("progress.warm_up"), 0)
    some = warm_up_tokens(bench.config, max(lengths))
    first, *_ = [fixed_run(bench, batch, some, context, lambda: options) for batch in batches]

    context.enter(say("phase.steady"))
    requests: list[SteadyRequest] = []
    steps, told_s = 0, 0.0
    stopped_by: Literal["time", "kept"] = "time"
    apart_s = time.monotonic() - time.perf_counter()  # of the two clocks: 0 on Linux
    with Incidents(bench.device) as seen:
        context.mark("begin")
        began_s = time.monotonic()
        while True:
            now = time.monotonic()
            due_s = None if every_s is None else began_s + len(requests) * every_s
            if requests and max(due_s or 0.0, now) >= began_s + seconds:
                _wait(context, began_s + seconds)  # for the next arrival, which is later: a rate counts the whole time
                break
            if steps >= KEPT_STEPS:
                stopped_by = "kept"
                break
            if now - told_s > _TOLD_S:
                context.progress(say("progress.steady", requests=len(requests)), round(now - began_s), round(seconds))
                told_s = now
            if due_s is not None:
                _wait(context, due_s)
            batch, new_tokens = drawn.choice(batches), drawn.choice(lengths)
            seen.begin()
            sample = fixed_run(bench, batch, new_tokens, context, lambda: options, seen.step)
            requests.append(_request(sample, sample.began_s + apart_s, due_s, batch, new_tokens, seen.end()))
            steps += len(sample.busy_s)
        ended_s = time.monotonic()
        context.mark("end")
    # those due before the end; the last digits of a quotient are none of them
    arrived = math.ceil(min(ended_s - began_s, seconds) / every_s - 1e-9) if every_s else 0
    return SteadyRuns(
        requests=tuple(requests),
        incidents=tuple(seen.kept),
        totals=seen.totals,
        dropped=seen.dropped,
        began_s=began_s,
        ended_s=ended_s,
        first_ttft_s=first.ttft_s,
        unserved=max(arrived - len(requests), 0),
        stopped_by=stopped_by,
        device=bench.device.type,
        workload=workload if vary else workload.replace(prompt_tokens=batches[0]["input_ids"].shape[1]),
        resolved=bench.resolved(),
    )


def _batches(bench: Bench, workload: Workload, new_tokens: int, vary: bool) -> list[Batch]:
    """One for each length of the prompt; prompts of a person's own keep theirs. ConfigError beyond the context."""
    workload = workload.replace(new_tokens=new_tokens)
    if not vary or workload.prompts is not None:
        return [prepare(bench, workload)]
    lengths = dict.fromkeys(max(round(workload.prompt_tokens * each), 1) for each in LENGTHS)
    return [prepare(bench, workload.replace(prompt_tokens=each)) for each in lengths]


def _wait(context: Context, until_s: float) -> None:
    while (left_s := until_s - time.monotonic()) > 0:
        context.stop.wait(min(left_s, _SLICE_S))
        context.check()


def _request(
    sample: Sample,
    began_s: float,
    due_s: float | None,
    batch: Batch,
    new_tokens: int,
    usage: tuple[int | None, int | None],
) -> SteadyRequest:
    steps_s = (sample.ttft_s, *sample.gaps)
    return SteadyRequest(
        due_s=began_s if due_s is None else min(due_s, began_s),
        began_s=began_s,
        prompt_tokens=batch["input_ids"].shape[1],
        new_tokens=new_tokens,
        steps_s=tuple(round(each, 7) for each in steps_s),
        off_cpu_s=tuple(round(max(each - busy, 0.0), 7) for each, busy in zip(steps_s, sample.busy_s, strict=True)),
        decode_tokens=sample.decode_tokens,
        major_faults=usage[0],
        switches=usage[1],
    )
