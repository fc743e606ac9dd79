"""Percentiles of a run's latencies with intervals, their course over time, and whether they drifted."""

import math
from collections.abc import Callable, Sequence
from itertools import chain
from statistics import median

from workbench.results import Drift, LatencyPoint, Percentiles, SteadyRequest
from workbench.stats import clustered_quantile_interval, fewest_for, percentile, quantile_interval
from workbench.trends import trend

SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
LEAST = {"p50": 3, "p90": 10, "p99": 100}  # samples; a percentile of fewer is their extreme
MOST_POINTS = 500
MINUTE_S = 60.0
_FEWEST_LIKE = 4  # requests of one length, for their median to take the length out of a trend


def of_requests(values: Sequence[float]) -> Percentiles:
    """Percentiles of one value a request, with intervals of order statistics."""
    found = {name: percentile(values, share) for name, share in SHARES.items() if len(values) >= LEAST[name]}
    ci95 = {name: quantile_interval(values, SHARES[name]) for name in found}
    bounded = {name: bounds for name, bounds in ci95.items() if all(map(math.isfinite, bounds))}
    needed = {name: LEAST[name] if name not in found else fewest_for(SHARES[name]) for name in SHARES}
    return Percentiles(
        n=len(values),
        units=len(values),
        ci95=bounded,
        needed={name: count for name, count in needed.items() if name not in bounded},
        **found,
    )


def of_gaps(requests: Sequence[Sequence[float]]) -> Percentiles:
    """Percentiles of all gaps; the gaps of one request are alike, so that their intervals count requests."""
    pooled = list(chain.from_iterable(requests))
    found = {name: percentile(pooled, share) for name, share in SHARES.items() if len(pooled) >= LEAST[name]}
    ci95 = {name: clustered_quantile_interval(requests, SHARES[name]) for name in found}
    needed = {name: LEAST[name] if name not in found else fewest_for(share) for name, share in SHARES.items()}
    return Percentiles(
        n=len(pooled),
        units=len(requests),
        ci95={name: bounds for name, bounds in ci95.items() if all(map(math.isfinite, bounds))},
        needed={name: fewest for name, fewest in needed.items() if name not in found or fewest > len(requests)},
        **found,
    )


def series(requests: Sequence[SteadyRequest], began_s: float) -> tuple[LatencyPoint, ...]:
    """At most MOST_POINTS points, each of as many requests that followed each other."""
    size = -(-len(requests) // MOST_POINTS)
    parts = [requests[at : at + size] for at in range(0, len(requests), size)] if size else []
    return tuple(
        LatencyPoint(
            at_s=part[0].due_s - began_s,
            requests=len(part),
            ttft_s=median(each.ttft_s for each in part),
            tpot_s=median(each.tpot_s for each in part),
            slowest_gap_s=max(gap for each in part for gap in each.steps_s[1:]),
        )
        for part in parts
    )


def drift(requests: Sequence[SteadyRequest], value: Callable[[SteadyRequest], float]) -> Drift:
    """The trend of a latency, each request taken against the median of those with as long a prompt.

    A line through it, or through its logarithm: whichever leaves the narrower interval.
    """
    like: dict[int, list[float]] = {}
    for each in requests:
        like.setdefault(each.prompt_tokens, []).append(value(each))
    usual = {length: median(values) for length, values in like.items() if len(values) >= _FEWEST_LIKE}
    known = [
        (each.due_s / MINUTE_S, value(each) / usual[each.prompt_tokens])
        for each in requests
        if each.prompt_tokens in usual
    ]
    if not known:
        return Drift(percent_per_minute=None)
    times, ratios = zip(*known, strict=True)
    straight, growth = trend(times, ratios), trend(times, [math.log(ratio) for ratio in ratios])
    found, percent = (growth, _growth) if growth.smallest <= straight.smallest else (straight, _share)
    if not math.isfinite(found.smallest):
        return Drift(percent_per_minute=None, last_over_first=_last_over_first(known))
    low, high = found.ci95
    return Drift(
        percent_per_minute=percent(found.slope),
        ci95=(percent(low), percent(high)),
        seen=found.seen,
        smallest=percent(found.smallest),
        last_over_first=_last_over_first(known),
    )


def _share(slope: float) -> float:
    """A slope of the ratio to the median, in per cent of it."""
    return 100 * slope


def _growth(slope: float) -> float:
    """A slope of the logarithm as a growth; one that no float holds is as good as endless."""
    return 100 * math.expm1(min(slope, 700.0))


def _last_over_first(known: Sequence[tuple[float, float]]) -> float | None:
    begins, ends = known[0][0], known[-1][0]
    if ends - begins < 2:
        return None
    first = [ratio for at, ratio in known if at < begins + 1]
    last = [ratio for at, ratio in known if at > ends - 1]
    return median(last) / median(first)
