"""Intervals and tests on small samples: the only place where a number gets its error bar."""

import math
import random
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev

from workbench.results import Interval

# two-sided 95 % quantiles of Student's t for 1 … 30 degrees of freedom; the normal quantile from there
_T95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip

TRIMMED = 0.1  # of the values, at each end of a trimmed mean
FEWEST_CLUSTERS = 6  # below them a bootstrap over clusters says nothing of its tails

_RESAMPLES = 2000
_TAIL = 0.025  # on each side of a two-sided 95 % interval


def t95(degrees_of_freedom: int) -> float:
    """97.5 % quantile of Student's t distribution (two-sided 95 %)."""
    if degrees_of_freedom < 1:
        return math.inf
    return _T95[degrees_of_freedom - 1] if degrees_of_freedom <= len(_T95) else 1.96 + 2.4 / degrees_of_freedom


def t_quantile(tail: float, degrees_of_freedom: float) -> float:
    """What Student's t exceeds with probability `tail` (below 0.5); infinite below one degree of freedom.

    G. W. Hill 1970, Algorithm 396, Communications of the ACM 13(10): exact for 1 and 2, else right to six figures
    from 3 on; a fraction between 1 and 3, as Satterthwaite gives them, is rounded down.
    """
    free, both = degrees_of_freedom, 2 * tail
    if free < 1:
        return math.inf
    if free < 2:
        return 1 / math.tan(both * math.pi / 2)
    if free < 3:
        return math.sqrt(2 / (both * (2 - both)) - 2)
    a = 1 / (free - 0.5)
    b = (48 / a) / a
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * math.sqrt(a * math.pi / 2) * free
    y = (d * both) ** (2 / free)
    if y > 0.05 + a:
        x = NormalDist().inv_cdf(tail)
        y = x * x
        if free < 5:
            c += 0.3 * (free - 4.5) * (x + 0.6)
        c += (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b
        y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x
        y = math.expm1(a * y * y)
    else:
        y = ((1 / (((free + 6) / (free * y) - 0.089 * d - 0.822) * (free + 2) * 3) + 0.5 / (free + 4)) * y - 1) * (
            free + 1
        ) / (free + 2) + 1 / y
    return math.sqrt(free * y)


def mean_interval(samples: Sequence[float]) -> Interval:
    """95 % interval of the mean of independent samples, by Student's t. Infinite for fewer than two."""
    if len(samples) < 2:
        return -math.inf, math.inf
    half = t95(len(samples) - 1) * stdev(samples) / math.sqrt(len(samples))
    return fmean(samples) - half, fmean(samples) + half


def trimmed(values: Sequence[float], share: float = TRIMMED) -> tuple[float, float, float]:
    """Trimmed mean, its variance and degrees of freedom: `share` of the values is left out at each end.

    One value of ten that was held up no longer decides (Tukey & McLaughlin 1963, Sankhya A 25; the variance is that
    of the winsorised values). For fewer than 1 ÷ `share` values it is the plain mean; from two values on.
    """
    ordered, count = sorted(values), len(values)
    cut = int(share * count)
    kept = ordered[cut : count - cut]
    pulled = [kept[0]] * cut + kept + [kept[-1]] * cut
    middle = fmean(pulled)
    squares = math.fsum((value - middle) ** 2 for value in pulled)
    freedom = len(kept) - 1
    return fmean(kept), squares / (freedom * len(kept)), float(freedom)


def positive_mean_interval(samples: Sequence[float]) -> Interval:
    """The same for what cannot be negative, such as a rate or a time: the part of the interval from 0 upwards."""
    low, high = mean_interval(samples)
    return max(low, 0.0), high


def relative_half_width(samples: Sequence[float]) -> float:
    """Half the 95 % interval ÷ the mean: "known to ±3 %" is 0.03."""
    low, high = mean_interval(samples)
    mean = fmean(samples)
    return (high - low) / 2 / abs(mean) if mean else math.inf


def ratio_interval(pairs: Sequence[tuple[float, float]]) -> tuple[float, Interval]:
    """Geometric mean of b ÷ a over paired samples, and its 95 % interval on the paired log-ratio.

    The sampling unit is the pair: what disturbed both halves of a pair cancels.
    """
    logs = [math.log(b / a) for a, b in pairs]
    low, high = mean_interval(logs)
    return math.exp(fmean(logs)), (math.exp(low), math.exp(high))


def shared_ratio(pairs: Sequence[tuple[float, float]]) -> tuple[float, Interval]:
    """Σ b ÷ Σ a of positive sums over blocks that both were measured on, and its 95 % interval.

    What makes a block hard for both cancels: the spread is that of b − ratio × a from block to block (Cochran 1977,
    Sampling Techniques, 6.4), on the logarithm, by Student's t. Infinite for fewer than two.
    """
    total = math.fsum(a for a, _ in pairs)
    ratio, count = math.fsum(b for _, b in pairs) / total, len(pairs)
    if count < 2:
        return ratio, (0.0, math.inf)
    squares = math.fsum((b - ratio * a) ** 2 for a, b in pairs)
    half = t95(count - 1) * math.sqrt(squares * count / (count - 1)) / (total * ratio)
    return ratio, (ratio * math.exp(-half), ratio * math.exp(half))


def independent_ratio(a: float, a_ci95: Interval, b: float, b_ci95: Interval) -> tuple[float, Interval]:
    """b ÷ a of two positive means that were measured apart, and its 95 % interval from their own.

    The distances of both from their means are combined on the logarithm (MOVER: Zou & Donner 2008, Statistics in
    Medicine 27:1693). An end is 0 or infinite where an interval reaches 0. Coverage by simulation: tests/test_stats.py.
    """
    below_a, above_a = _log_distances(a, a_ci95)
    below_b, above_b = _log_distances(b, b_ci95)
    ratio = b / a
    low, high = math.hypot(below_b, above_a), math.hypot(above_b, below_a)
    return ratio, (ratio * math.exp(-low), ratio * math.exp(high) if math.isfinite(high) else math.inf)


def _log_distances(mean: float, bounds: Interval) -> tuple[float, float]:
    low, high = bounds
    return math.log(mean / low) if low > 0 else math.inf, math.log(high / mean)


def percentile(samples: Sequence[float], share: float) -> float:
    """Linear-interpolated percentile, `share` from 0 to 1 (numpy's default method)."""
    ordered = sorted(samples)
    position = share * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def quantile_interval(samples: Sequence[float], share: float) -> Interval:
    """95 % interval of a percentile from order statistics, whatever the distribution (Hahn & Meeker 1991, 5.2).

    An end that so few samples cannot give is infinite.
    """
    ordered, count = sorted(samples), len(samples)
    at_most = [0.0]  # [k]: P(fewer than k samples lie below the percentile)
    for below in range(count + 1):
        ways = math.lgamma(count + 1) - math.lgamma(below + 1) - math.lgamma(count - below + 1)
        at_most.append(at_most[-1] + math.exp(ways + below * math.log(share) + (count - below) * math.log1p(-share)))
    low = max((k for k in range(1, count + 1) if at_most[k] <= _TAIL), default=0)
    high = min((k for k in range(1, count + 1) if at_most[k] >= 1 - _TAIL), default=0)
    return ordered[low - 1] if low else -math.inf, ordered[high - 1] if high else math.inf


def clustered_quantile_interval(clusters: Sequence[Sequence[float]], share: float) -> Interval:
    """95 % interval of a percentile of values that come in clusters (the gaps of one answer), which are the unit.

    The share of values up to the percentile varies over the clusters; its interval is read back as two percentiles
    (Woodruff 1952, J. Am. Stat. Assoc. 47), by Wilson's with the effective number of values in it (Korn & Graubard
    1998, Survey Methodology 24), and as many degrees of freedom as clusters that have values on the rarer side.
    Infinite for fewer clusters than `fewest_for`, as if each had one value: a rule on what was seen would choose the
    lucky ones. Coverage by simulation (91 % at the fewest, 94 % later): tests/test_steadiness.py.
    """
    pooled = sorted(value for cluster in clusters for value in cluster)
    count, total = len(clusters), len(pooled)
    if not total or count < fewest_for(share):
        return -math.inf, math.inf
    at = percentile(pooled, share)
    below = [sum(value <= at for value in cluster) for cluster in clusters]
    beyond = min(sum(under < len(each) for under, each in zip(below, clusters, strict=True)), sum(map(bool, below)))
    reached = sum(below) / total
    apart = math.fsum((under - reached * len(each)) ** 2 for under, each in zip(below, clusters, strict=True))
    variance = count / (count - 1) * apart / total**2
    effective = min(share * (1 - share) / variance, total) if variance else total
    effective *= (1.96 / t95(max(beyond - 1, 1))) ** 2
    low, high = wilson(share * effective, effective)
    return (
        percentile(pooled, low) if (1 - share) ** effective <= _TAIL else -math.inf,
        percentile(pooled, high) if share**effective <= _TAIL else math.inf,
    )


def fewest_for(share: float) -> int:
    """Independent samples from which on `quantile_interval` has both ends."""
    return math.ceil(math.log(_TAIL) / math.log(max(share, 1 - share)))


def wilson(successes: float, trials: float) -> Interval:
    """95 % interval of a share (Wilson 1927, J. Am. Stat. Assoc. 22): stays within 0 and 1 and works near both ends."""
    if trials < 1:
        return 0.0, 1.0
    share, z2 = successes / trials, 1.959964**2
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = math.sqrt(z2 * (share * (1 - share) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    return middle - half if successes else 0.0, middle + half if successes < trials else 1.0


def clustered(means: Sequence[float], lowest: float = -math.inf, highest: float = math.inf) -> Interval:
    """95 % interval of the mean of clusters that are the sampling unit (a question with all its answers).

    Percentile bootstrap over clusters, widened to Student's t (Hesterberg 2015, The American Statistician 69(4)), and
    cut to what the quantity can be. Infinite, or all that it can be, for fewer than two. Resamples of fewer than
    FEWEST_CLUSTERS reach no further than their extremes, which is too narrow: Student's t itself then.
    """
    count = len(means)
    if count < FEWEST_CLUSTERS:
        low, high = mean_interval(means)
        return max(low, lowest), min(high, highest)
    generator = random.Random(0)
    drawn = [fmean(generator.choices(means, k=count)) for _ in range(_RESAMPLES)]
    level = NormalDist().cdf(-t95(count - 1) * math.sqrt(count / (count - 1)))
    return max(percentile(drawn, level), lowest), min(percentile(drawn, 1 - level), highest)


def affordable(expected: int, done: int, spent_s: float, budget_s: float) -> int:
    """Repeats to foretell: `expected`, but no more than the budget pays for at this pace, and one more than done."""
    paid = int(budget_s / spent_s * done) if spent_s > 0 else expected
    return max(done + 1, min(expected, paid))
