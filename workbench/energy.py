"""Joules and money per token: the idle device first, then windows of whole requests under its energy counter."""

import math
import time
from collections.abc import Sequence
from statistics import fmean

from workbench.bench import Bench
from workbench.checks import positive
from workbench.pairing import SHARED_CORES
from workbench.powering import PERIOD_S, SETTLE_S, WINDOW_S, idle
from workbench.probes.device.energy import Counter, counter_of
from workbench.results import (
    Energy,
    EnergyWindow,
    Interval,
    PoweredRuns,
    PoweredSpan,
    Workload,
)
from workbench.stats import positive_mean_interval
from workbench.watch import Watch, watch
from workbench.words import Message, say

WINDOWS = 12
_LEAST_LOOKS = 10  # of a window: a counter that moves in steps is read between them by straight lines
_LATE_S = 0.5  # the sampler's next look after the last window


def energy(
    bench: Bench,
    job: int,
    workload: Workload | None = None,
    *,
    price_per_hour: float | None = None,
    idle_s: float = 5.0,
    window_s: float = WINDOW_S,
    budget_s: float = 60.0,
) -> Energy:
    """Energy, power and cost of `workload` under the configuration in force. Kept in the store.

    ConfigError for a price or a time that is not positive.
    """
    positive(idle_s=idle_s, window_s=window_s, budget_s=budget_s)
    if price_per_hour is not None:
        positive(price_per_hour=price_per_hour)
    context = bench.context(job)
    with watch(bench, PERIOD_S) as seen:
        idle_from, idle_until = idle(context, idle_s)
        parameters = {
            "workload": (workload or Workload.preset("quick")).to_dict(),
            "windows": WINDOWS,
            "window_s": window_s,
            "budget_s": budget_s - idle_s - SETTLE_S,
        }
        runs = PoweredRuns.from_dict(bench.call(job, "probe", {"probe": "powered", **parameters})["result"])
        time.sleep(_LATE_S)
        found = _found(bench, seen, runs, (idle_from, idle_until), price_per_hour)
    return bench.deliver(job, "energy", found)


def _found(
    bench: Bench, seen: Watch, runs: PoweredRuns, idle: tuple[float, float], price_per_hour: float | None
) -> Energy:
    counter = counter_of(seen.samples, runs.resolved.device, bench.machine, seen.gpu_problem)
    windows = tuple(_window(span, counter) for span in runs.spans)
    idle_j = counter.between(*idle)
    idle_w = None if idle_j is None else idle_j / (idle[1] - idle[0])
    known = [window for window in windows if window.energy_j is not None]
    series: dict[str, list[float]] = {"tokens_per_s": [window.tokens_per_s for window in windows]}
    if known and len(known) == len(windows):
        joules = [window.energy_j or 0.0 for window in windows]
        series["power_w"] = [each / window.seconds for each, window in zip(joules, windows, strict=True)]
        series["joules_per_token"] = [each / window.new_tokens for each, window in zip(joules, windows, strict=True)]
        if idle_w is not None:
            series["net_joules_per_token"] = [
                (each - idle_w * window.seconds) / window.new_tokens
                for each, window in zip(joules, windows, strict=True)
            ]
    mean = {metric: fmean(values) for metric, values in series.items()}
    ci95 = {metric: positive_mean_interval(values) for metric, values in series.items()}
    if "joules_per_token" in mean:
        mean["tokens_per_joule"] = 1 / mean["joules_per_token"]
        ci95["tokens_per_joule"] = _inverse(ci95["joules_per_token"], 1.0)
    if price_per_hour is not None:
        mean["cost_per_million"] = cost_per_million(price_per_hour, mean["tokens_per_s"])
        ci95["cost_per_million"] = _inverse(ci95["tokens_per_s"], price_per_hour / 3600 * 1e6)
    device = seen.between(runs.spans[0].start_s, runs.spans[-1].end_s)
    return Energy(
        workload=runs.workload,
        resolved=runs.resolved,
        config=bench.config.to_dict(),
        source=counter.source,
        covers=counter.covers,
        missing=counter.missing,
        windows=windows,
        idle_w=idle_w,
        idle_seconds=idle[1] - idle[0],
        price_per_hour=price_per_hour,
        ci95={metric: bounds for metric, bounds in ci95.items() if all(map(math.isfinite, bounds))},
        stopped_by="windows" if len(windows) >= WINDOWS else "budget",
        device=device,
        flags=_flags(bench, device.others_cores, counter, seen, runs.spans),
        **mean,
    )


def cost_per_million(price_per_hour: float, tokens_per_s: float) -> float:
    """What a million tokens cost on a machine of that hourly price, in the price's currency."""
    return price_per_hour / 3600 / tokens_per_s * 1e6


def _inverse(bounds: Interval, factor: float) -> Interval:
    low, high = bounds
    return factor / high if high > 0 else math.inf, factor / low if low > 0 else math.inf


def _window(span: PoweredSpan, counter: Counter) -> EnergyWindow:
    return EnergyWindow(
        seconds=span.end_s - span.start_s,
        requests=span.requests,
        new_tokens=span.new_tokens,
        energy_j=counter.between(span.start_s, span.end_s),
    )


def _flags(
    bench: Bench, others_cores: float | None, counter: Counter, seen: Watch, spans: Sequence[PoweredSpan]
) -> tuple[Message, ...]:
    flags = list(bench.facts.notes)
    if others_cores is not None and others_cores > SHARED_CORES:
        flags.append(say("flag.shared", cores=f"{others_cores:.1f}"))
        if counter.source == "rapl":
            flags.append(say("energy.flag.package_shared"))
    if counter.source == "nvml_power":
        flags.append(say("energy.flag.by_power"))
    looks = min((seen.between(span.start_s, span.end_s).looks for span in spans), default=0)
    if counter.source and looks < _LEAST_LOOKS:
        flags.append(say("energy.flag.short_windows", looks=looks))
    return tuple(flags)
