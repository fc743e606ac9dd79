"""Each way in which transformers computes routed experts, on the resident model: what ran, same tokens, how fast."""

import time
from statistics import fmean
from typing import Any

import torch

from workbench.errors import CapabilityError
from workbench.limits import work_of
from workbench.probes.bench import Bench
from workbench.probes.clock import Sample
from workbench.probes.context import Context
from workbench.probes.routed import counted
from workbench.probes.timing import fixed_run, prepare
from workbench.results import Experts, ExpertsWay, RoutedExperts, Workload
from workbench.stats import positive_mean_interval
from workbench.words import say

# eager first: the others' tokens are held against its own. transformers' further ones bring kernels of the hub
WAYS = ("eager", "batched_mm", "grouped_mm")
ROUNDS = 8
_RATES = ("decode_tps", "prefill_tps")
_TOP = ""  # transformers' key for the model itself, beside those of its parts


def run(bench: Bench, params: dict[str, Any], context: Context) -> Experts:
    """params: workload (as a dict), budget_s (for all; one repeat of each way whatever it says).

    CapabilityError for a model without routed experts, and with `compile` on, whose code is bound to one way.
    """
    if not bench.facts.config.get("num_experts_per_tok"):
        raise CapabilityError("experts.none", name=bench.facts.name)
    if bench.config["compile"] != "off":
        raise CapabilityError("experts.compiled", compile=bench.config["compile"])
    workload = Workload(**params["workload"])
    batch = prepare(bench, workload)
    before = bench.model.get_experts_implementation()
    samples: dict[str, list[Sample]] = {}
    ways: dict[str, ExpertsWay] = {}
    chosen: RoutedExperts | None = None
    began, stopped_by = time.monotonic(), "rounds"
    try:
        context.enter(say("phase.warming_up"))
        for name in WAYS:
            with counted(bench) as routed:
                ways[name] = _tried(bench, name, batch, context)
            chosen = chosen or routed.found()  # eager's: the others' logits differ by rounding
        usable = [name for name, way in ways.items() if way.problem is None]
        context.enter(say("phase.experts"))
        for done in range(ROUNDS):
            spent_s = time.monotonic() - began
            if done and spent_s + spent_s / (done + 1) > params["budget_s"]:
                stopped_by = "budget"
                break
            context.progress(say("progress.experts", round=done + 1), done, ROUNDS)
            for name in usable if done % 2 == 0 else reversed(usable):
                bench.model.set_experts_implementation(name)
                samples.setdefault(name, []).append(fixed_run(bench, batch, workload.new_tokens, context))
    finally:
        bench.model.set_experts_implementation(before)
    done_work = workload.replace(prompt_tokens=batch["input_ids"].shape[1])
    resolved = bench.resolved()
    eager = samples["eager"][0].token_ids
    return Experts(
        workload=done_work,
        config=bench.config.to_dict(),
        resolved=resolved,
        by_default=str(before[_TOP]),
        ways=tuple(_measured(way, samples.get(name, []), eager) for name, way in ways.items()),
        weight_bytes=bench.facts.weight_bytes,
        routed=chosen,
        step_bytes=work_of(bench.facts, resolved, done_work, bench.config, chosen)["decode"].bytes,
        cache_bytes=sum(bench.cache_bytes.values()),
        stopped_by="budget" if stopped_by == "budget" else "rounds",
        flags=bench.facts.notes,
    )


def _tried(bench: Bench, name: str, batch: dict[str, torch.Tensor], context: Context) -> ExpertsWay:
    """Two tokens under this way, and what was in force at each of their passes."""
    seen: list[str] = []

    def look(*_anything: Any) -> None:
        seen.append(str(bench.model.get_experts_implementation()[_TOP]))

    handle = bench.model.register_forward_pre_hook(look)
    try:
        bench.model.set_experts_implementation(name)
        fixed_run(bench, batch, 2, context)
    except (RuntimeError, ValueError, ImportError, NotImplementedError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        lines = str(error).splitlines() or [""]
        return ExpertsWay(name=name, problem=f"{type(error).__name__}: {lines[0]}"[:200])
    finally:
        handle.remove()
    return ExpertsWay(name=name, prefill=seen[0], decode=seen[-1])


def _measured(way: ExpertsWay, samples: list[Sample], eager: tuple[int, ...]) -> ExpertsWay:
    if not samples:
        return way
    series = {metric: [getattr(sample, metric) for sample in samples] for metric in _RATES}
    ids = samples[0].token_ids
    same = next((place for place, (a, b) in enumerate(zip(ids, eager, strict=True)) if a != b), len(ids))
    return way.model_copy(
        update={
            **{metric: fmean(values) for metric, values in series.items()},
            "ci95": {metric: positive_mean_interval(values) for metric, values in series.items() if len(values) > 1},
            "same_tokens": same,
            "repeats": len(samples),
        }
    )
