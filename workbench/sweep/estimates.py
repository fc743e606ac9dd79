"""What rounds say of two configurations: the log-ratio of their gain, its spread, and how well that is known. Pure.

A visit is a stretch in which what is resident stays so: one load, or two side by side. Its rounds hold the runs of
configurations that are close in time. Three ways lead from a to b, the first that there is:

shared rounds    both in one round: what disturbed the round cancels. The spread of a run is pooled over the rounds of
                 all visits (residuals of rounds × configurations) and those still in question, for configurations do
                 not scatter alike; one that scatters more is judged by its own. From ten rounds on a tenth at each end
                 is left out, so that one run that the machine held up does not cost twenty more
the reference    in rounds with a and in rounds with b (an engine beside theirs): a against the reference, b against
                 the reference; the variances add
a bracket        the reference cannot be resident beside a group, and is measured before and after its visits. Between
                 two of its visits it moves by what loads and drift do, whose mean square successive difference (von
                 Neumann 1941, Ann. Math. Stat. 12) is δ². A visit between two of the reference's lies off their mean
                 by at most ¾ δ²: with load effects of variance u and a random walk that adds D from one to the next,
                 δ² = 2u + D, and the error's variance is u + u/2 + D/4. It is added; freedom by
                 Satterthwaite 1946. A visit whose bracket is open is not judged, nor any by fewer than three
                 visits of the reference: δ² of one difference covers too little.
                 Coverage by simulation: tests/sweep/test_estimates.py
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean

from workbench.stats import TRIMMED, t_quantile, trimmed

REFERENCE = 0  # the arm that links groups
_BRACKET = 0.75
_LEVELS = 3


@dataclass
class Visit:
    """What is resident stays so, in one place. `rounds`: arm -> gain, a logarithm of which more is better, in order."""

    rounds: list[dict[int, float]] = field(default_factory=list)
    place: int = 0

    def of(self, arm: int) -> list[float]:
        return [each[arm] for each in self.rounds if arm in each]


@dataclass(frozen=True)
class Estimate:
    """Of b's gain − a's: `variance` is that of `mean`; `samples` is what it rests on, the smaller side."""

    mean: float
    variance: float
    freedom: float
    samples: int

    def half_width(self, tail: float = 0.025) -> float:
        """Of the two-sided interval with `tail` on each side."""
        if not self.variance:
            return 0.0
        return t_quantile(tail, self.freedom) * math.sqrt(self.variance)

    def interval(self, tail: float = 0.025) -> tuple[float, float]:
        half = self.half_width(tail)
        return self.mean - half, self.mean + half

    def minus(self, other: "Estimate") -> "Estimate":
        return Estimate(self.mean - other.mean, *_sum(self, other), min(self.samples, other.samples))


UNKNOWN = Estimate(0.0, math.inf, 0.0, 0)


Noise = tuple[float, int]  # variance of one run beside the others of its round, degrees of freedom


def estimate(visits: Sequence[Visit], a: int, b: int, pooled: Noise | None = None) -> Estimate:
    """b against a, from all rounds so far; UNKNOWN where too few of them tell. pooled: `noise(visits)`, where known."""
    pooled = pooled or noise(visits)
    shared = _shared(visits, a, b, pooled)
    if shared.samples >= 2:
        return shared
    sides = [_to_reference(visits, arm, pooled) for arm in (a, b)]
    if any(side.own is UNKNOWN for side in sides):
        return UNKNOWN
    found = sides[1].own.minus(sides[0].own)
    share = sides[0].share + sides[1].share
    return found.minus(_moved(visits, share)) if share else found


def noise(visits: Iterable[Visit], arms: Collection[int] | None = None) -> Noise:
    """The variance of one run beside the others of its round, and its degrees of freedom, over all visits.

    Of each stretch of rounds with the same arms: what is left of rounds × arms without row and column means. Of twenty
    and more the tenth at each end is pulled in, as a trimmed mean leaves it out. arms: those that count; None: all.
    """
    rest: list[float] = []
    freedom = 0
    for visit in visits:
        for stretch in _stretches(visit, arms):
            among = list(stretch[0])
            if len(among) < 2 or len(stretch) < 2:
                continue
            rows = [fmean(each.values()) for each in stretch]
            whole = fmean(rows)
            for arm in among:
                level = fmean(each[arm] for each in stretch)
                rest += [each[arm] - row - level + whole for each, row in zip(stretch, rows, strict=True)]
            freedom += (len(among) - 1) * (len(stretch) - 1)
    if not freedom:
        return math.inf, 0
    return _pulled(rest) / freedom, freedom


def _pulled(rest: Sequence[float]) -> float:
    """Their squares, winsorised, on the scale of a trimmed mean's variance."""
    cut = int(TRIMMED * len(rest)) if len(rest) >= 20 else 0
    ordered = sorted(rest)
    low, high = ordered[cut], ordered[-1 - cut]
    kept = 1 - 2 * cut / len(rest)
    return math.fsum(min(max(value, low), high) ** 2 for value in rest) / kept**2


def variance(values: Sequence[float]) -> float:
    """Of a sample, in floats: a race of hundreds of arms asks too often for the exact fractions of `statistics`."""
    mean = fmean(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def same(visits: Iterable[Visit]) -> list[float]:
    """Differences of neighbouring runs of one configuration: where a round ends with what the next begins with."""
    found = []
    for visit in visits:
        for first, second in pairwise(visit.rounds):
            if first and second and (arm := list(first)[-1]) == next(iter(second)):
                found.append(second[arm] - first[arm])
    return found


def _stretches(visit: Visit, arms: Collection[int] | None) -> list[list[dict[int, float]]]:
    found: list[list[dict[int, float]]] = []
    for whole in visit.rounds:
        each = whole if arms is None else {arm: gain for arm, gain in whole.items() if arm in arms}
        if found and found[-1][0].keys() == each.keys():
            found[-1].append(each)
        else:
            found.append([each])
    return [stretch for stretch in found if stretch[0]]


def _shared(visits: Sequence[Visit], a: int, b: int, pooled: Noise) -> Estimate:
    found = [each[b] - each[a] for visit in visits for each in visit.rounds if a in each and b in each]
    if len(found) < 2:
        return UNKNOWN
    count, (spread, freedom) = len(found), pooled
    mean, own, own_freedom = trimmed(found)
    if freedom < own_freedom:  # the arms came and went: no stretch told
        return Estimate(mean, own, own_freedom, count)
    return Estimate(mean, max(own, 2 * spread / count), freedom, count)


@dataclass(frozen=True)
class _Side:
    """An arm against the reference; `share` of δ² comes to its variance."""

    own: Estimate
    share: float = 0.0


_ITSELF = _Side(Estimate(0.0, 0.0, math.inf, 10**9))


def _to_reference(visits: Sequence[Visit], arm: int, pooled: Noise) -> _Side:
    if arm == REFERENCE:
        return _ITSELF
    shared = _shared(visits, REFERENCE, arm, pooled)
    return _Side(shared) if shared.samples >= 2 else _bracketed(visits, arm)


def _levels(visits: Iterable[Visit]) -> dict[int, float]:
    """The reference's mean in each visit that has it."""
    return {at: fmean(values) for at, visit in enumerate(visits) if (values := visit.of(REFERENCE))}


def _places(visits: Sequence[Visit]) -> list[list[Visit]]:
    """The visits of each place, in order: a bracket closes where it was opened."""
    return [[visit for visit in visits if visit.place == place] for place in dict.fromkeys(v.place for v in visits)]


def _bracketed(visits: Sequence[Visit], arm: int) -> _Side:
    apart: list[float] = []
    within: list[float] = []
    runs = enough = 0
    for own in _places(visits):
        levels = _levels(own)
        mine = {at: visit.of(arm) for at, visit in enumerate(own) if len(visit.of(arm)) > 1 and at not in levels}
        mine = {at: values for at, values in mine.items() if levels and min(levels) < at < max(levels)}
        apart += [fmean(values) - _around(levels, at) for at, values in mine.items()]
        within += [variance(values) / len(values) for values in mine.values()]
        runs += sum(map(len, mine.values()))
        enough += max(len(levels) - 1, 0)
    if not apart or enough < _LEVELS - 1:
        return _Side(UNKNOWN)
    found = Estimate(fmean(apart), sum(within) / len(apart) ** 2, runs - len(apart), runs)
    return _Side(found, _BRACKET / len(apart))


def _moved(visits: Sequence[Visit], share: float) -> Estimate:
    """Nothing, with `share` of δ² as its variance. δ² rests on n visits of the reference as 2 (n − 1)² ÷ (3n − 4)
    degrees of freedom: its mean is 2σ², its variance 4σ⁴ (3n − 4) ÷ (n − 1)². Over places, both sums add.
    """
    means = [list(_levels(own).values()) for own in _places(visits)]
    apart = [(second - first) ** 2 for own in means for first, second in pairwise(own)]
    freedom = 2 * len(apart) ** 2 / sum(3 * len(own) - 4 for own in means if len(own) > 1)
    return Estimate(0.0, share * fmean(apart), freedom, 10**9)


def _around(levels: Mapping[int, float], at: int) -> float:
    """The mean of the reference's levels before and after that visit."""
    before = max(place for place in levels if place < at)
    after = min(place for place in levels if place > at)
    return (levels[before] + levels[after]) / 2


def _sum(a: Estimate, b: Estimate) -> tuple[float, float]:
    """Variance and degrees of freedom of a sum (Satterthwaite 1946, Biometrics Bulletin 2)."""
    whole = a.variance + b.variance
    if not whole or math.isinf(whole):
        return whole, min(a.freedom, b.freedom)
    return whole, whole**2 / sum(each.variance**2 / each.freedom for each in (a, b) if each.variance)
