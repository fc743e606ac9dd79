"""Windows of whole requests for an energy counter to look at: the device is waited for at both ends of each.

Nothing is read here: the session's process samples the counters, and finds the windows by their CLOCK_MONOTONIC ends.
"""

import time
from typing import Any

import torch

from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.timing import fixed_run, prepare
from workbench.results import PoweredRuns, PoweredSpan, Workload
from workbench.words import say

FEWEST_WINDOWS = 2


def run(bench: Bench, params: dict[str, Any], context: Context) -> PoweredRuns:
    """params: workload (as a dict); windows (how many at most); window_s (each takes whole requests until then);
    budget_s (for all; two windows whatever it says).
    """
    workload = Workload(**params["workload"])
    batch = prepare(bench, workload)
    context.enter(say("phase.warming_up"))
    fixed_run(bench, batch, workload.new_tokens, context)
    context.enter(say("phase.energy"))
    most, began, spans = params["windows"], time.monotonic(), list[PoweredSpan]()
    _wait_for(bench.device)
    context.mark("begin")
    while len(spans) < most:
        spent_s = time.monotonic() - began
        if len(spans) >= FEWEST_WINDOWS and spent_s + spent_s / len(spans) > params["budget_s"]:
            break
        context.progress(say("progress.energy", window=len(spans) + 1), len(spans), most)
        start_s, requests = time.monotonic(), 0
        while not requests or time.monotonic() - start_s < params["window_s"]:
            fixed_run(bench, batch, workload.new_tokens, context)
            requests += 1
        _wait_for(bench.device)
        new_tokens = requests * workload.new_tokens * batch["input_ids"].shape[0]
        spans.append(PoweredSpan(start_s=start_s, end_s=time.monotonic(), requests=requests, new_tokens=new_tokens))
    context.mark("end")
    return PoweredRuns(
        spans=tuple(spans),
        workload=workload.replace(prompt_tokens=batch["input_ids"].shape[1]),
        resolved=bench.resolved(),
    )


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
