"""Percentiles and drift: refused for too few, intervals that hold as often as they say, no drift that is not there."""

import math
import random
from collections.abc import Callable
from statistics import NormalDist

import pytest

from tests.test_stutters import request
from workbench.results import SteadyRequest
from workbench.stats import clustered_quantile_interval, fewest_for, percentile, quantile_interval
from workbench.steadiness import MOST_POINTS, drift, of_gaps, of_requests, series


def requests(count: int, apart_s: float, tpot: list[float]) -> list[SteadyRequest]:
    return [request(at * apart_s, [0.01, tpot[at], tpot[at]]) for at in range(count)]


def noisy(noise: random.Random, count: int, alike: float) -> list[float]:
    """Log-normal times whose neighbours are alike."""
    state, made = noise.gauss(0, 1) / math.sqrt(1 - alike**2), []
    for _ in range(count):
        state = alike * state + noise.gauss(0, 1)
        made.append(0.02 * math.exp(0.1 * state))
    return made


@pytest.mark.parametrize(
    ("count", "told", "bounded"),
    [
        (2, set(), set()),
        (9, {"p50"}, {"p50"}),
        (35, {"p50", "p90"}, {"p50"}),
        (99, {"p50", "p90"}, {"p50", "p90"}),
        (100, {"p50", "p90", "p99"}, {"p50", "p90"}),
        (368, {"p50", "p90", "p99"}, {"p50", "p90", "p99"}),
    ],
)
def test_what_so_many_can_tell(count: int, told: set[str], bounded: set[str]) -> None:
    found = of_requests([float(each) for each in range(count)])
    assert {name for name in ("p50", "p90", "p99") if getattr(found, name) is not None} == told
    assert set(found.ci95) == bounded
    assert set(found.needed) == {"p50", "p90", "p99"} - bounded
    assert all(needed > count for needed in found.needed.values())


def test_the_fewest_are_what_the_interval_needs() -> None:
    for share in (0.5, 0.9, 0.99):
        at_least = fewest_for(share)
        assert all(map(math.isfinite, quantile_interval(list(range(at_least)), share)))
        assert not all(map(math.isfinite, quantile_interval(list(range(at_least - 1)), share)))


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_order_statistics_hold_the_percentile_as_often_as_they_say(share: float) -> None:
    draw, runs = random.Random(1), 500
    truth = -math.log(1 - share)
    held = 0
    for _ in range(runs):
        low, high = quantile_interval([draw.expovariate(1) for _ in range(60)], share)
        held += low <= truth <= high
    assert held / runs > 0.93


@pytest.mark.parametrize(
    ("share", "clusters", "spread"), [(0.5, 30, 0.3), (0.9, 60, 0.3), (0.99, 368, 0.3), (0.9, 36, 0.0)]
)
def test_gaps_hold_the_percentile_as_often_as_they_say(share: float, clusters: int, spread: float) -> None:
    """Gaps of a request share a factor: as if independent, 15 times too many samples would be counted."""
    draw, runs = random.Random(2), 300

    def cluster() -> list[float]:
        shared = draw.gauss(0, spread)
        return [math.exp(shared + draw.gauss(0, 0.2)) for _ in range(15)]

    # log-normal with both variances: its percentile
    truth = math.exp(NormalDist(0, math.hypot(spread, 0.2)).inv_cdf(share))
    held = naive = 0
    for _ in range(runs):
        made = [cluster() for _ in range(clusters)]
        low, high = clustered_quantile_interval(made, share)
        held += low <= truth <= high
        low, high = quantile_interval([gap for each in made for gap in each], share)
        naive += low <= truth <= high
    assert held / runs > 0.9
    if spread:
        assert naive / runs < 0.85


def test_gaps_of_few_requests_have_no_interval() -> None:
    rising = [0.01 + at / 1e4 for at in range(50)]
    few, enough = of_gaps([rising] * 35), of_gaps([rising] * 36)
    assert few.p99 is not None
    assert (few.n, few.units, set(few.ci95), few.needed) == (1750, 35, {"p50"}, {"p90": 36, "p99": 368})
    assert (set(enough.ci95), enough.needed) == ({"p50", "p90"}, {"p99": 368})
    assert of_gaps([[0.01] * 9] * 11).p99 is None
    assert clustered_quantile_interval([], 0.5) == (-math.inf, math.inf)


@pytest.mark.parametrize("alike", [0.0, 0.6])
def test_a_steady_series_has_no_drift(alike: float) -> None:
    noise, runs = random.Random(3), 300
    seen = sum(drift(requests(80, 0.5, noisy(noise, 80, alike)), lambda each: each.tpot_s).seen for _ in range(runs))
    assert seen / runs < 0.09


@pytest.mark.parametrize("shape", [lambda minutes: 1 + 0.6 * minutes, lambda minutes: math.exp(0.6 * minutes)])
def test_a_planted_drift_is_seen_with_its_size(shape: Callable[[float], float]) -> None:
    noise = random.Random(4)
    made = [value * shape(at * 0.5 / 60) for at, value in enumerate(noisy(noise, 240, 0.3))]
    found = drift(requests(240, 0.5, made), lambda each: each.tpot_s)
    assert found.seen
    assert found.ci95[0] < found.percent_per_minute < found.ci95[1]
    assert 25 < found.percent_per_minute < 110
    assert found.last_over_first is None  # a little under two minutes
    longer = drift(requests(240, 0.6, made), lambda each: each.tpot_s)
    assert longer.last_over_first == pytest.approx(shape(1.58) / shape(0.42), rel=0.15)  # the middles of both minutes


def test_lengths_are_no_drift() -> None:
    noise = random.Random(5)
    made = []
    for at, value in enumerate(noisy(noise, 100, 0.0)):
        long = at >= 50
        made.append(request(at * 0.5, [value * (10 if long else 1), 0.01], prompt_tokens=80 if long else 8))
    assert not drift(made, lambda each: each.ttft_s).seen


def test_too_few_say_nothing() -> None:
    assert drift(requests(5, 1.0, [0.01] * 5), lambda each: each.tpot_s).percent_per_minute is None
    assert drift([], lambda each: each.tpot_s).percent_per_minute is None


def test_a_long_series_is_thinned_and_keeps_the_slowest_gap() -> None:
    tpot = [0.01] * 1200
    tpot[700] = 0.5
    points = series(requests(1200, 0.1, tpot), began_s=0.0)
    assert len(points) <= MOST_POINTS
    assert sum(point.requests for point in points) == 1200
    assert max(point.slowest_gap_s for point in points) == 0.5
    assert max(point.tpot_s for point in points) == 0.01
    assert [point.at_s for point in points] == sorted(point.at_s for point in points)
    assert percentile([1.0], 0.5) == 1.0
    assert series([], 0.0) == ()
