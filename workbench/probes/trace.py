"""One profile of prefill and a few decode steps: what ran, for how long, and where that is not what was asked."""

import gc
import logging
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch.autograd import DeviceType  # type: ignore[attr-defined]
from torch.profiler import ProfilerActivity, profile
from transformers.generation.streamers import BaseStreamer

from workbench.pairing import SHARED_CORES
from workbench.probes import ranges, trace_file, trace_reasons
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.device.cpu import Neighbours
from workbench.probes.timing import prepare
from workbench.probes.trace_crossings import watched, with_crossings
from workbench.probes.trace_events import BEGIN, MARK, TOKEN, events_of, phases_of
from workbench.probes.trace_marks import mark, marked
from workbench.results import Trace, Workload
from workbench.words import Message, say

STEPS = 3  # decode steps; two would do, more only lengthen the file
_PLAIN = ("eager", "sdpa")
_FEW_TOKENS = 16
_SHAPED = "aten::scaled_dot_product_attention"


class Enough(Exception):
    """The steps that were to be traced are done; `generate` would go on to the workload's whole length."""


class Steps(BaseStreamer):  # type: ignore[misc]  # transformers ships no types
    """Marks each new token in the profile, and ends the run after prefill and `steps` decode steps."""

    def __init__(self, context: Context, guard: Any, steps: int) -> None:
        self.context = context
        self._guard = guard
        self._left = steps + 1
        self._prompt_seen = False

    def put(self, _tokens: torch.Tensor) -> None:
        if not self._prompt_seen:
            self._prompt_seen = True
            return
        mark(TOKEN)
        self._guard.lift()
        self.context.check()
        self._left -= 1
        if not self._left:
            raise Enough

    def end(self) -> None:
        """Nothing is held back."""


def run(bench: Bench, params: dict[str, Any], context: Context) -> Trace:
    """Traces params["workload"] (a dict), its prefill and at most `steps` decode steps (default 3), after a warm-up.

    The file goes into the home's artifacts. ConfigError for a workload that does not fit; Stopped.
    """
    try:
        return _trace(bench, params, context)
    finally:
        gc.collect()  # a profile refers to itself; what it recorded would stay until the next collection


def _trace(bench: Bench, params: dict[str, Any], context: Context) -> Trace:
    began = time.perf_counter()
    workload = Workload(**params["workload"])
    steps = min(params.get("steps", STEPS), workload.new_tokens - 1)
    batch = prepare(bench, workload)
    context.enter(say("phase.warming_up"))
    with heard() as said:
        _warm_up(bench, batch, workload.new_tokens, steps, context)
        context.enter(say("phase.tracing"))
        context.mark("begin")
        with Neighbours() as neighbours:
            prof = _profiled(bench, batch, workload.new_tokens, steps, context)
        context.mark("end")
    kineto = _kineto(prof)
    events = events_of(kineto, DeviceType.CPU)
    prefill, decode = with_crossings(phases_of(events), events, kineto)
    resolved = bench.resolved()
    differences, notes = trace_reasons.reasons(
        bench.config,
        resolved,
        {"prefill": prefill, "decode": decode},
        trace_reasons.Circumstances(
            on_gpu=bench.device.type != "cpu",
            zeros_in_mask=_zeros(bench.masked(batch)),
            calls=_calls(kineto),
        ),
    )
    kept = trace_file.keep(prof, len(kineto), bench.facts.name, bench.config)
    trace = Trace(
        prefill=prefill,
        decode=decode,
        device=str(bench.device),
        differences=differences,
        notes=(*notes, *kept.notes),
        warnings=tuple(said),
        artifact=kept.name,
        artifact_bytes=kept.bytes,
        seconds=time.perf_counter() - began,
        config=bench.config.to_dict(),
        resolved=resolved,
        workload=workload.replace(prompt_tokens=batch["input_ids"].shape[1]),
        flags=(*bench.facts.notes, *_shared(neighbours.cores)),
    )
    return trace.model_copy(
        update={"resolved": resolved.model_copy(update={"attention_kernels": trace.attention_kernels})}
    )


def _shared(cores: float | None) -> tuple[Message, ...]:
    """Beside a busy process every operation takes longer, and another share of the time."""
    return (say("flag.shared", cores=f"{cores:.1f}"),) if cores is not None and cores > SHARED_CORES else ()


def _warm_up(bench: Bench, batch: dict[str, torch.Tensor], new_tokens: int, steps: int, context: Context) -> None:
    """The same run unobserved; where nothing is compiled or tuned for its shape, a short prompt does."""
    if bench.device.type == "cpu" and bench.config["compile"] == "off" and bench.config["attention"] in _PLAIN:
        start = batch["input_ids"][:, :_FEW_TOKENS]
        batch, steps = {"input_ids": start, "attention_mask": torch.ones_like(start)}, 1
    _once(bench, batch, new_tokens, steps, context)


def _profiled(bench: Bench, batch: dict[str, torch.Tensor], new_tokens: int, steps: int, context: Context) -> profile:
    activities = [ProfilerActivity.CPU]
    if bench.device.type == "cuda":
        activities.append(ProfilerActivity.CUDA)
    prof = profile(activities=activities, record_shapes=True)
    # hooks and wrapped functions would make compiled code compile anew
    marks = marked(bench.model, bench.resolved().attention) if bench.config["compile"] == "off" else nullcontext()
    with ranges.recorded(), marks, watched(bench.model), prof:
        _once(bench, batch, new_tokens, steps, context)
    return prof


def _once(bench: Bench, batch: dict[str, torch.Tensor], new_tokens: int, steps: int, context: Context) -> None:
    with bench.interruptible(context) as guard:
        mark(BEGIN)
        try:
            bench.produce(batch, Steps(context, guard, steps), new_tokens)
        except Enough:
            return
        finally:
            if bench.device.type == "cuda":
                torch.cuda.synchronize(bench.device)


def _kineto(prof: profile) -> list[Any]:
    results = prof.profiler.kineto_results if prof.profiler is not None else None
    assert results is not None, "the profile has ended"
    return list(results.events())


def _calls(kineto: list[Any]) -> dict[str, tuple[trace_reasons.Call, ...]]:
    """phase -> the different ways in which SDPA was called."""
    first_token_ns = next(event.start_ns() for event in kineto if event.name() == MARK + TOKEN)
    found: dict[str, dict[trace_reasons.Call, None]] = {"prefill": {}, "decode": {}}
    for event in kineto:
        if event.name() == _SHAPED:
            shapes = event.shapes()
            call = trace_reasons.Call(event.dtypes()[0], shapes[0][-1], shapes[2][-1], masked=bool(shapes[3]))
            found["prefill" if event.start_ns() < first_token_ns else "decode"].setdefault(call)
    return {phase: tuple(calls) for phase, calls in found.items()}


def _zeros(batch: dict[str, torch.Tensor]) -> bool:
    mask = batch.get("attention_mask")
    return mask is not None and not bool(mask.all())


@contextmanager
def heard() -> Iterator[list[str]]:
    """What transformers logs as a warning and torch warns of meanwhile, each once, in order.

    transformers' `warning_once` is made to say again what it said before: the trace is to show what holds now.
    """
    said: dict[str, None] = {}
    lines: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.setdefault(record.getMessage())

    logger, ear = logging.getLogger("transformers"), Ear(logging.WARNING)
    forget = getattr(logging.Logger.warning_once, "cache_clear", None)  # type: ignore[attr-defined]
    if forget:
        forget()
    logger.addHandler(ear)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            yield lines
    finally:
        logger.removeHandler(ear)
        for warning in caught:
            said.setdefault(str(warning.message))
        lines += said
