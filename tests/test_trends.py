"""Slopes with intervals: exact lines, what is too little, coverage by simulation where neighbours are alike."""

import math
import random

import pytest

from workbench.trends import FEWEST, trend


def _series(noise: random.Random, count: int, alike: float, slope: float) -> list[float]:
    step, values = noise.gauss(0, 1) / math.sqrt(1 - alike**2), []
    for at in range(count):
        step = alike * step + noise.gauss(0, 1)
        values.append(step + slope * at)
    return values


def test_an_exact_line() -> None:
    found = trend(range(20), [3.0 + 0.5 * at for at in range(20)])
    assert found.slope == pytest.approx(0.5)
    assert found.ci95[0] == pytest.approx(0.5)
    assert found.seen


def test_a_constant_has_no_drift() -> None:
    found = trend(range(20), [7.0] * 20)
    assert (found.slope, found.ci95, found.seen, found.smallest) == (0.0, (0.0, 0.0), False, 0.0)


@pytest.mark.parametrize("count", [0, 1, 2, FEWEST - 1])
def test_too_few_say_nothing(count: int) -> None:
    found = trend(range(count), [float(at % 3) for at in range(count)])
    assert found.ci95 == (-math.inf, math.inf)
    assert not found.seen


def test_all_at_one_moment_say_nothing() -> None:
    assert trend([1.0] * 20, list(range(20))).ci95 == (-math.inf, math.inf)


def test_a_random_walk_of_few_values_says_nothing() -> None:
    values = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]
    assert trend(range(12), values).ci95 == (-math.inf, math.inf)


@pytest.mark.parametrize(("count", "alike"), [(20, 0.0), (40, 0.5), (100, 0.8), (200, 0.9)])
def test_the_interval_holds_the_slope_as_often_as_it_says(count: int, alike: float) -> None:
    noise, runs = random.Random(4), 300
    held = 0
    for _ in range(runs):
        low, high = trend(range(count), _series(noise, count, alike, 0.3)).ci95
        held += low <= 0.3 <= high
    assert held / runs > 0.91


def test_a_drift_beyond_the_noise_is_seen() -> None:
    noise = random.Random(5)
    seen = sum(trend(range(60), _series(noise, 60, 0.5, 0.2)).seen for _ in range(100))
    assert seen > 90


def test_times_have_a_unit() -> None:
    noise = random.Random(6)
    values = _series(noise, 50, 0.3, 0.1)
    seconds, minutes = trend(range(50), values), trend([at / 60 for at in range(50)], values)
    assert minutes.slope == pytest.approx(60 * seconds.slope)
