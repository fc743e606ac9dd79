"""Latency over time: a steady load in the worker, the device watched beside it, and what both say of each stutter."""

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.bench import Bench
from workbench.catalog.sources import demo_folder
from workbench.checks import positive
from workbench.errors import CapabilityError
from workbench.hosts.process import ProcessHost
from workbench.machine.page_cache import cached_share
from workbench.pairing import SHARED_CORES
from workbench.results import (
    ColdStart,
    DeviceWindow,
    LatencyRun,
    SteadyRuns,
    Stutter,
    Workload,
)
from workbench.steadiness import drift, of_gaps, of_requests, series
from workbench.stutters import Step, explained, find, shares
from workbench.watch import Watch, watch
from workbench.words import Message, say

_PERIOD_S = 0.1
_LATE_S = 0.3  # the sampler's looks after the last request
_AROUND_S = 0.15  # of a stutter, so that looks fall into it
_WEIGHTS = ("*.safetensors", "*.gguf", "*.bin")


def latency(
    bench: Bench,
    job: int,
    workload: Workload | None = None,
    *,
    seconds: float = 60.0,
    every_s: float | None = None,
    vary: bool = False,
    cold_start: bool = False,
    logits_processors: Sequence[Any] = (),
) -> LatencyRun:
    """Latencies of `workload` under a steady load, under the configuration in force. Kept in the store.

    ConfigError for a time that is not positive, or lengths beyond the context; CapabilityError for a cold start of a
    model that is in this process.
    """
    positive(seconds=seconds)
    if every_s is not None:
        positive(every_s=every_s)
    parameters = {
        "workload": (workload or Workload.preset("quick")).to_dict(),
        "seconds": seconds,
        "every_s": every_s,
        "vary": vary,
        "logits_processors": bench.processors(logits_processors),
    }
    start = _cold(bench, job) if cold_start else _known(bench)
    with watch(bench, _PERIOD_S) as seen:
        runs = SteadyRuns.from_dict(bench.call(job, "probe", {"probe": "steady", **parameters})["result"])
        time.sleep(_LATE_S)
        if start.measured == "now":
            start = start.model_copy(update={"first_token_s": runs.first_ttft_s})
        found = _found(bench, seen, runs, every_s, vary, start)
    return bench.deliver(job, "latency", found)


def _cold(bench: Bench, job: int) -> ColdStart:
    """Ends the worker, and times a fresh one to the model's being there. The files are looked for before."""
    if not isinstance(bench.host, ProcessHost):
        raise CapabilityError("latency.cold_inline")
    context = bench.context(job)
    known = [each for each in (bench.start_seconds, bench.load_seconds) if each is not None]
    context.progress(say("progress.cold_start", seconds=f"{sum(known):.0f}" if len(known) == 2 else "?"), 0)
    cached = cached_share(weight_files(bench))
    bench.host.release()
    applied = bench.revive(job)
    context.check()
    if applied is None or bench.start_seconds is None:  # another notebook's engine was taken over
        return ColdStart(cached_share=cached)
    return ColdStart(
        measured="now",
        start_s=bench.start_seconds,
        import_s=bench.host.import_seconds,
        load_s=applied.seconds,
        cached_share=cached,
    )


def _known(bench: Bench) -> ColdStart:
    """What this session's own beginning took, as far as it was looked at."""
    if not isinstance(bench.host, ProcessHost) or bench.start_seconds is None:
        return ColdStart(measured="none" if bench.load_seconds is None else "at_open", load_s=bench.load_seconds)
    return ColdStart(
        measured="at_open",
        start_s=bench.start_seconds,
        import_s=bench.host.import_seconds,
        load_s=bench.load_seconds,
    )


def weight_files(bench: Bench) -> list[Path]:
    """Files that the model is loaded from; none for a random or an attached one."""
    source = bench.source
    if source is None or source.kind == "random":
        return []
    if source.gguf_file and source.path:
        return [source.path / source.gguf_file]
    folder = demo_folder() if source.kind == "demo" else source.path
    return sorted(file for kind in _WEIGHTS for file in folder.glob(kind)) if folder else []


def _found(
    bench: Bench, seen: Watch, runs: SteadyRuns, every_s: float | None, vary: bool, start: ColdStart
) -> LatencyRun:
    requests, seconds = runs.requests, runs.ended_s - runs.began_s
    stutters = find(requests)
    listed = tuple(_stutter(step, runs, seen) for step in stutters.kept)
    device = seen.between(runs.began_s, runs.ended_s)
    tokens = runs.workload.batch_size * sum(each.new_tokens for each in requests)
    ttft = [each.ttft_s for each in requests]
    drifts = {
        "ttft_s": drift(requests, lambda each: each.ttft_s),
        "tpot_s": drift(requests, lambda each: each.tpot_s),
    }
    return LatencyRun(
        workload=runs.workload,
        resolved=runs.resolved,
        config=bench.config.to_dict(),
        seconds=seconds,
        every_s=every_s,
        vary=vary,
        requests=len(requests),
        unserved=runs.unserved,
        requests_per_s=len(requests) / seconds,
        tokens_per_s=tokens / seconds,
        ttft=of_requests(ttft),
        itl=of_gaps([each.steps_s[1:] for each in requests]),
        tpot=of_requests([each.tpot_s for each in requests]),
        e2e=of_requests([each.e2e_s for each in requests]),
        series=series(requests, runs.began_s),
        drift=drifts,
        stutters=listed,
        stutter_count=stutters.count,
        stutter_s=stutters.excess_s,
        stutter_from_s=stutters.from_s,
        causes=shares(listed),
        totals=runs.totals,
        cold_start=start,
        device=device,
        stopped_by=runs.stopped_by,
        flags=_flags(bench, runs, device),
    )


def _stutter(step: Step, runs: SteadyRuns, seen: Watch) -> Stutter:
    window = seen.between(step.start_s - _AROUND_S, step.end_s + _AROUND_S)
    return Stutter(
        at_s=step.start_s - runs.began_s,
        seconds=step.seconds,
        excess_s=step.excess_s,
        request=step.request,
        phase=step.phase,
        causes=explained(step, runs.incidents, window, on_cpu=runs.device == "cpu", waits="waited_s" in runs.totals),
    )


def _flags(bench: Bench, runs: SteadyRuns, device: DeviceWindow) -> tuple[Message, ...]:
    flags = list(bench.facts.notes)
    if device.others_cores is not None and device.others_cores > SHARED_CORES:
        flags.append(say("flag.shared", cores=f"{device.others_cores:.1f}"))
    if any(gpu.throttled for gpu in device.gpus):
        flags.append(say("latency.flag.throttled"))
    if runs.unserved:
        flags.append(say("latency.flag.unserved", requests=runs.unserved))
    if runs.stopped_by == "kept":
        flags.append(say("latency.flag.kept", seconds=math.floor(runs.ended_s - runs.began_s)))
    if runs.dropped:
        flags.append(say("latency.flag.dropped", incidents=runs.dropped))
    return tuple(flags)
