"""How fast: TTFT, inter-token latency, decode and prefill rates of fixed work, repeated until the mean is known.

Time stamps are taken on the host as `generate` hands each step's tokens to its streamer; on CUDA that hand-over waits
for the device. Greedy, exactly `new_tokens` per row, end-of-sequence off. Definitions: `workbench.metrics`.
"""

import math
import time
from collections.abc import Callable
from importlib.resources import files
from statistics import fmean
from typing import Any

import torch
from transformers.generation.streamers import BaseStreamer

from workbench.errors import ConfigError, WorkbenchError
from workbench.forecast import step_bytes
from workbench.knobs.generation import STATIC
from workbench.pairing import SHARED_CORES
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.device.cpu import Neighbours
from workbench.probes.memory import Peak
from workbench.probes.padding import padded
from workbench.results import Latencies, Measurement, WarmUp, Workload, break_even_tokens
from workbench.stats import percentile, positive_mean_interval, relative_half_width
from workbench.words import Message, say
from workbench.words.format import THIN, number

MIN_REPEATS = 4
_P99_GAPS = 100
_UNCOMPILED_TOKENS = 8  # of the short run without compiling: a break-even is no verdict
_RATES = ("ttft_s", "tpot_s", "decode_tps", "prefill_tps", "e2e_s")


class Clock(BaseStreamer):  # type: ignore[misc]  # transformers ships no types
    """Stamps each step. `.stamps[0]` is the first new token; `.own_s` the thread time spent in here.

    `.tokens` counts the new tokens of a row with each stamp: several where a step's drafts were accepted.
    """

    def __init__(self, context: Context, guard: Any) -> None:
        self.context = context
        self._guard = guard
        self._prompt_seen = False
        self.stamps: list[float] = []
        self.tokens: list[int] = []
        self.own_s = 0.0

    def put(self, tokens: torch.Tensor) -> None:
        now = time.perf_counter()
        began = time.thread_time()
        if self._prompt_seen:
            self.stamps.append(now)
            self.tokens.append(tokens.shape[1] if tokens.ndim > 1 else 1)  # [row, accepted], else [rows]
            if len(self.stamps) == 1:
                self._guard.lift()
            self.context.check()
        self._prompt_seen = True
        self.own_s += time.thread_time() - began

    def end(self) -> None:
        """Nothing is held back."""


class Sample:
    """One run: its stamps and what follows from them.

    Tokens that come with the first stamp were paid for by TTFT, so that the decode rate counts those after it: with
    speculation they may be several. A gap lies between two steps, as their reader sees them.
    """

    def __init__(self, began: float, clock: Clock, sequences: torch.Tensor, prompt_tokens: int) -> None:
        batch_size = sequences.shape[0]
        self.token_ids: tuple[int, ...] = tuple(sequences[0, prompt_tokens:].tolist())
        self.ttft_s = clock.stamps[0] - began
        self.e2e_s = clock.stamps[-1] - began
        self.gaps = [later - earlier for earlier, later in zip(clock.stamps, clock.stamps[1:], strict=False)]
        self.tpot_s = (self.e2e_s - self.ttft_s) / sum(clock.tokens[1:])
        self.decode_tps = batch_size / self.tpot_s
        self.prefill_tps = batch_size * prompt_tokens / self.ttft_s
        self.own_share = clock.own_s / self.e2e_s


def fixed_run(
    bench: Bench,
    batch: dict[str, torch.Tensor],
    new_tokens: int,
    context: Context,
    options: Callable[[], dict[str, Any]] = dict,
) -> Sample:
    """One greedy `generate` of exactly `new_tokens` per row over `batch` (input_ids [batch, time]).

    options  makes further arguments of `generate`; its time counts
    """
    prompt_tokens = batch["input_ids"].shape[1]
    with bench.interruptible(context) as guard:
        clock = Clock(context, guard)
        began = time.perf_counter()
        output = bench.produce(batch, clock, new_tokens, **options())
    produced = output.sequences.shape[1] - prompt_tokens
    if produced != new_tokens or sum(clock.tokens) != new_tokens:
        raise WorkbenchError("probe.wrong_length", produced=produced, asked=new_tokens)
    if len(clock.stamps) < 2:
        raise ConfigError("probe.one_step", tokens=new_tokens)
    return Sample(began, clock, output.sequences, prompt_tokens)


def prepare(bench: Bench, workload: Workload) -> dict[str, torch.Tensor]:
    """The workload's token ids and mask, [batch, time], on the device. ConfigError beyond the context."""
    if workload.prompts is not None:
        prompts = [workload.prompts[row % len(workload.prompts)] for row in range(workload.batch_size)]
        batch = bench.inputs(prompts)
    else:
        text = files("workbench.probes").joinpath("texts/workload.txt").read_text(encoding="utf-8")
        ids = bench.inputs([text])["input_ids"][0]
        start = workload.seed * 97 % len(ids)
        repeats = -(-(start + workload.prompt_tokens) // len(ids))
        row_ids = ids.repeat(repeats)[start : start + workload.prompt_tokens]
        input_ids = row_ids.repeat(workload.batch_size, 1)
        batch = {"input_ids": input_ids, "attention_mask": torch.ones_like(input_ids)}
    if workload.padded:
        batch = padded(batch, workload.padded, bench.resolved())
    check_length(batch["input_ids"].shape[1], workload.new_tokens, bench.facts.context_length)
    return batch


def check_length(prompt_tokens: int, new_tokens: int, context_length: int) -> None:
    """ConfigError when prompt and answer together exceed the trained context."""
    if prompt_tokens + new_tokens > context_length:
        raise ConfigError(
            "probe.too_long",
            prompt=prompt_tokens,
            new=new_tokens,
            total=prompt_tokens + new_tokens,
            limit=context_length,
            room=max(context_length - prompt_tokens, 0),
        )


def run(bench: Bench, params: dict[str, Any], context: Context) -> Measurement:
    """Measures `params["workload"]` until decode and prefill are known to ±`precision`, or `budget_s` is spent.

    params: workload (Workload as a dict), precision (share, default 0.05), budget_s (default 60),
    bandwidth (bytes/s of this device or None).
    """
    workload = Workload(**params["workload"])
    precision, budget_s = params.get("precision", 0.05), params.get("budget_s", 60.0)
    batch = prepare(bench, workload)
    context.enter(say("phase.warming_up"))
    context.progress(say("progress.warm_up"), 0)
    warm_up = _warm_up(bench, batch, workload, context)

    context.enter(say("phase.measuring"))
    samples: list[Sample] = []
    context.mark("begin")
    began = time.monotonic()
    with Neighbours() as neighbours, Peak(bench.device) as peak:
        while True:
            samples.append(fixed_run(bench, batch, workload.new_tokens, context))
            reached = _half_width(samples)
            spent_s = time.monotonic() - began
            if len(samples) >= MIN_REPEATS and reached <= precision:
                stopped_by = "precision"
                break
            if len(samples) >= 2 and spent_s + spent_s / len(samples) > budget_s:
                stopped_by = "budget"
                break
            context.progress(
                say("progress.repeat", done=len(samples), percent=_percent(reached)),
                len(samples),
                _expected(samples, precision),
            )
    context.mark("end")
    return _measurement(bench, workload, batch, samples, peak, neighbours.cores, stopped_by, params, warm_up)


def _warm_up(bench: Bench, batch: dict[str, torch.Tensor], workload: Workload, context: Context) -> WarmUp:
    """What the samples shall not pay for; with `compile`, also a short run without it, for the break-even."""
    config = bench.config
    uncompiled_tpot_s = None
    if config.compile != "off":
        bench.switch(config.replace(compile="off", cache="dynamic"), context, proven=True)
        try:
            for tokens in (2, _UNCOMPILED_TOKENS):
                uncompiled_tpot_s = fixed_run(bench, batch, min(tokens, workload.new_tokens), context).tpot_s
        finally:
            bench.switch(config, context, proven=True)
    # a static cache is allocated for its full length, and code compiled for it: only the whole run warms them up; few
    # tokens may all come in one step of speculation
    whole = config.compile != "off" or config.cache in STATIC or config.speculation != "off"
    sample = fixed_run(bench, batch, workload.new_tokens if whole else min(workload.new_tokens, 4), context)
    compiled = bench.compile_report() if config.compile != "off" else None
    return WarmUp(
        first_call_s=sample.e2e_s,
        runs=1,
        compiled=compiled,
        compile_s=compiled.last_run_s if compiled else 0.0,
        uncompiled_tpot_s=uncompiled_tpot_s,
    )


def _half_width(samples: list[Sample]) -> float:
    if len(samples) < 2:
        return float("inf")
    return max(relative_half_width([getattr(sample, name) for sample in samples]) for name in ("decode_tps", "ttft_s"))


def _expected(samples: list[Sample], precision: float) -> int:
    """Repeats that the spread so far asks for; the half width falls with the square root of their number."""
    if len(samples) < 2:
        return MIN_REPEATS
    return max(MIN_REPEATS, len(samples) + 1, round(len(samples) * (_half_width(samples) / precision) ** 2))


def _percent(share: float) -> str:
    return number(100 * share) + THIN + "%" if math.isfinite(share) else "?"


def _measurement(
    bench: Bench,
    workload: Workload,
    batch: dict[str, torch.Tensor],
    samples: list[Sample],
    peak: Peak,
    neighbour_cores: float | None,
    stopped_by: str,
    params: dict[str, Any],
    warm_up: WarmUp,
) -> Measurement:
    series = {name: tuple(getattr(sample, name) for sample in samples) for name in _RATES}
    gaps = [gap for sample in samples for gap in sample.gaps]
    means = {name: fmean(values) for name, values in series.items()}
    flags: list[Message] = list(bench.facts.notes)
    if neighbour_cores is not None and neighbour_cores > SHARED_CORES:
        flags.append(say("flag.shared", cores=f"{neighbour_cores:.1f}"))
    if stopped_by == "budget":
        reached, asked = _half_width(samples), params.get("precision", 0.05)
        flags.append(say("flag.budget", percent=_percent(reached), asked=_percent(asked)))
    if peak.method == "sampled resident set":
        flags.append(say("flag.peak_sampled", period_ms=5))
    compiled = bench.compile_report() if warm_up.compiled else None
    pays = None
    if compiled and warm_up.uncompiled_tpot_s:
        pays = break_even_tokens(compiled.compile_s, warm_up.uncompiled_tpot_s, means["tpot_s"])
        flags.extend(compiled.flags(pays))
    bandwidth = params.get("bandwidth")
    prompt_tokens = batch["input_ids"].shape[1]
    done = workload.replace(prompt_tokens=prompt_tokens)
    resolved = bench.resolved()
    bytes_read = step_bytes(bench.facts, resolved.dtype, done, resolved.quantization)
    return Measurement(
        **means,
        itl_s=Latencies(
            p50=percentile(gaps, 0.5),
            p90=percentile(gaps, 0.9),
            p99=percentile(gaps, 0.99) if len(gaps) >= _P99_GAPS else None,
            n=len(gaps),
        ),
        peak_bytes=peak.bytes,
        peak_method=peak.method,
        kv_cache_bytes=bench.cache_bytes,
        ci95={name: positive_mean_interval(values) for name, values in series.items()},
        samples=series,
        repeats=len(samples),
        warm_up=warm_up,
        token_ids=samples[0].token_ids,
        own_share=fmean(sample.own_share for sample in samples),
        decode_limit_share=bytes_read / means["tpot_s"] / bandwidth if bandwidth else None,
        cpu_busy_elsewhere=neighbour_cores,
        compile_s=compiled.compile_s if compiled else None,
        break_even_tokens=pays,
        stopped_by=stopped_by,
        loop=resolved.loop,
        workload=done,
        resolved=resolved,
        flags=tuple(flags),
    )
