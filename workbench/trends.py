"""Whether a series drifts: the slope over time with an interval that neighbouring values' likeness does not narrow."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from workbench.results import Interval
from workbench.stats import t95

FEWEST = 12  # values; fewer tell too little of how alike neighbours are
_FEWEST_FREE = 2.0  # effective values beyond the two that a line takes; below them nothing is known


@dataclass(frozen=True)
class Trend:
    """slope  of the values, per unit of time
    ci95   of it; infinite for fewer than FEWEST values, or all at one moment, or all too alike
    """

    slope: float
    ci95: Interval

    @property
    def seen(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.ci95[0] > 0 or self.ci95[1] < 0

    @property
    def smallest(self) -> float:
        """The slope that would have been seen: half the interval's width."""
        return (self.ci95[1] - self.ci95[0]) / 2


def trend(times: Sequence[float], values: Sequence[float]) -> Trend:
    """Least-squares slope of `values` over `times` (in order), with its 95 % interval.

    Neighbours that are alike count as fewer values: n (1 − r − 0.68/√n) ÷ (1 + r + 0.68/√n) with the residuals' lag-1
    autocorrelation r (Nychka et al. 2000, Confidence intervals for trend estimates with autocorrelated observations;
    Santer et al. 2008, Int. J. Climatol. 28). Coverage by simulation: tests/test_trends.py.
    """
    count = len(values)
    middle = fmean(times) if times else 0.0
    apart = [time - middle for time in times]
    square = math.fsum(each * each for each in apart)
    if count < 2 or not square:
        return Trend(0.0, (-math.inf, math.inf))
    slope = math.fsum(x * y for x, y in zip(apart, values, strict=True)) / square
    level = fmean(values)
    left = [y - level - slope * x for x, y in zip(apart, values, strict=True)]
    unexplained = math.fsum(each * each for each in left)
    if not unexplained and count >= FEWEST:
        return Trend(slope, (slope, slope))
    alike = math.fsum(a * b for a, b in pairwise(left)) / unexplained if unexplained else 1.0
    alike = max(alike, 0.0) + 0.68 / math.sqrt(count)
    free = count * (1 - alike) / (1 + alike) - 2
    if count < FEWEST or free < _FEWEST_FREE:
        return Trend(slope, (-math.inf, math.inf))
    half = t95(math.floor(free)) * math.sqrt(unexplained / free / square)
    return Trend(slope, (slope - half, slope + half))
