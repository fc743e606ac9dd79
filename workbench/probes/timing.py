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

from workbench.config import Config
from workbench.errors import ConfigError, WorkbenchError
from workbench.knobs.generation import STATIC
from workbench.limits import limits_of, work_of
from workbench.pairing import DISTURBED_GPU, SHARED_CORES
from workbench.probes import ranges
from workbench.probes.bench import Bench
from workbench.probes.clock import Clock, Look, Sample
from workbench.probes.conditions import During
from workbench.probes.context import Context
from workbench.probes.device.cpu import Neighbours
from workbench.probes.device.gate import together, unthrottled
from workbench.probes.memory import Peak
from workbench.probes.padding import padded
from workbench.probes.routed import counted
from workbench.results import (
    Ceilings,
    Latencies,
    Measurement,
    RoutedExperts,
    RunConditions,
    WarmUp,
    Workload,
    break_even_tokens,
)
from workbench.stats import affordable, percentile, positive_mean_interval, relative_half_width
from workbench.words import Message, say
from workbench.words.format import THIN, number

MIN_REPEATS = 4
_P99_GAPS = 100
_UNCOMPILED_TOKENS = 8  # of the short run without compiling: a break-even is no verdict
_RATES = ("ttft_s", "tpot_s", "decode_tps", "prefill_tps", "e2e_s")


def fixed_run(
    bench: Bench,
    batch: dict[str, torch.Tensor],
    new_tokens: int,
    context: Context,
    options: Callable[[], dict[str, Any]] = dict,
    look: Look | None = None,
) -> Sample:
    """One greedy `generate` of exactly `new_tokens` per row over `batch` (input_ids [batch, time]).

    options  makes further arguments of `generate`; its time counts
    look     called after each step (see `Clock`)
    """
    prompt_tokens = batch["input_ids"].shape[1]
    with bench.interruptible(context) as guard:
        clock = Clock(context, guard, look)
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

    params: workload (Workload as a dict), precision (share, default 0.05), budget_s (default 60), ceilings (of this
    device, as a dict, or None).
    """
    workload = Workload(**params["workload"])
    precision, budget_s = params.get("precision", 0.05), params.get("budget_s", 60.0)
    batch = prepare(bench, workload)
    context.enter(say("phase.warming_up"))
    context.progress(say("progress.warm_up"), 0)
    warm_up, routed = _warm_up(bench, batch, workload, context)

    context.enter(say("phase.measuring"))
    taken: list[Sample] = []
    seen: list[RunConditions] = []
    context.mark("begin")
    began = time.monotonic()
    with ranges.span(ranges.MEASURE), Neighbours() as neighbours, Peak(bench.device) as peak:
        while True:
            with During(bench.device) as during:
                taken.append(fixed_run(bench, batch, workload.new_tokens, context))
            seen.append(during.found)
            samples = [taken[at] for at in unthrottled(seen)]
            reached = _half_width(samples)
            spent_s = time.monotonic() - began
            if len(samples) >= MIN_REPEATS and reached <= precision:
                stopped_by = "precision"
                break
            if len(samples) >= 2 and spent_s + spent_s / len(taken) > budget_s:
                stopped_by = "budget"
                break
            context.progress(
                say("progress.repeat", done=len(samples), percent=_percent(reached)),
                len(samples),
                affordable(_expected(samples, precision), len(samples), spent_s, budget_s),
            )
    context.mark("end")
    return _measurement(
        bench, workload, batch, samples, seen, peak, neighbours.cores, stopped_by, params, warm_up, routed
    )


def _warm_up(
    bench: Bench, batch: dict[str, torch.Tensor], workload: Workload, context: Context
) -> tuple[WarmUp, RoutedExperts | None]:
    """What the samples shall not pay for; with `compile`, also a short run without it, for the break-even.

    The experts that it routes to are counted, for the limits.
    """
    config = bench.config
    uncompiled_tpot_s = None
    if config.compile != "off":
        bench.switch(config.replace(compile="off", cache="dynamic"), context, proven=True)
        try:
            for tokens in (2, _UNCOMPILED_TOKENS):
                uncompiled_tpot_s = fixed_run(bench, batch, min(tokens, workload.new_tokens), context).tpot_s
        finally:
            bench.switch(config, context, proven=True)
    with counted(bench) as routed:
        sample = fixed_run(bench, batch, warm_up_tokens(config, workload.new_tokens), context)
    compiled = bench.compile_report() if config.compile != "off" else None
    warm_up = WarmUp(
        first_call_s=sample.e2e_s,
        runs=1,
        compiled=compiled,
        compile_s=compiled.last_run_s if compiled else 0.0,
        uncompiled_tpot_s=uncompiled_tpot_s,
    )
    return warm_up, routed.found()


def warm_up_tokens(config: Config, new_tokens: int) -> int:
    """How many of `new_tokens` a run has to do so that later ones do nothing for the first time."""
    # a static cache is allocated for its full length, and code compiled for it: only the whole run warms them up; few
    # tokens may all come in one step of speculation
    whole = config.compile != "off" or config.cache in STATIC or config.speculation != "off"
    return new_tokens if whole else min(new_tokens, 4)


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
    seen: list[RunConditions],
    peak: Peak,
    neighbour_cores: float | None,
    stopped_by: str,
    params: dict[str, Any],
    warm_up: WarmUp,
    routed: RoutedExperts | None,
) -> Measurement:
    series = {name: tuple(getattr(sample, name) for sample in samples) for name in _RATES}
    gaps = [gap for sample in samples for gap in sample.gaps]
    means = {name: fmean(values) for name, values in series.items()}
    flags: list[Message] = list(bench.facts.notes)
    if neighbour_cores is not None and neighbour_cores > SHARED_CORES:
        flags.append(say("flag.shared", cores=f"{neighbour_cores:.1f}"))
    conditions = together(seen)
    if conditions.others_gpu_share is not None and conditions.others_gpu_share > DISTURBED_GPU:
        flags.append(say("flag.shared_gpu", share=_percent(conditions.others_gpu_share)))
    if held_back := conditions.held_back:
        code = "flag.throttled_runs" if len(samples) == len(seen) else "flag.throttled_runs_repeated"
        flags.append(say(code, reasons=", ".join(held_back), runs=sum(bool(each.held_back) for each in seen)))
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
    prompt_tokens = batch["input_ids"].shape[1]
    done = workload.replace(prompt_tokens=prompt_tokens)
    resolved = bench.resolved()
    ceilings = Ceilings.from_dict(params["ceilings"]) if params.get("ceilings") else None
    work = work_of(bench.facts, resolved, done, bench.config, routed)
    limits = limits_of(work, ceilings, resolved)
    one_a_step = bench.config.speculation == "off"  # with drafts a step may bring several tokens
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
        set_aside=len(seen) - len(samples),
        conditions=together([seen[at] for at in unthrottled(seen)]),
        warm_up=warm_up,
        token_ids=samples[0].token_ids,
        own_share=fmean(sample.own_share for sample in samples),
        decode_limit_share=limits["decode"].share("memory", means["tpot_s"]) if one_a_step else None,
        prefill_limit_share=limits["prefill"].share("compute", means["ttft_s"]),
        work=work,
        routed=routed,
        cpu_busy_elsewhere=neighbour_cores,
        compile_s=compiled.compile_s if compiled else None,
        break_even_tokens=pays,
        stopped_by=stopped_by,
        loop=resolved.loop,
        workload=done,
        resolved=resolved,
        flags=tuple(flags),
    )
