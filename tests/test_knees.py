"""The knee of curves whose knee is known, and none where there is none."""

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.charts.samples import resolved
from workbench.knees import knee_of
from workbench.results import ScanPoint

DOUBLING = [1, 2, 4, 8, 16, 32, 64, 128]


def point(rows: int, tpot_s: float, relative_half_width: float = 0.01) -> ScanPoint:
    tps = rows / tpot_s
    bounds = (tps * (1 - relative_half_width), tps * (1 + relative_half_width))
    return ScanPoint(
        line=0,
        value=rows,
        rounds=3,
        mean={"decode_tps": tps, "tpot_s": tpot_s},
        ci95={"decode_tps": bounds} if math.isfinite(relative_half_width) else {},
        ratio={},
        ratio_ci95={},
        peak_bytes=None,
        limit_tps=None,
        resolved=resolved(),
    )


def step(fixed: float, by_row: float, values: list[int] = DOUBLING, width: float = 0.01) -> list[ScanPoint]:
    """Steps of a weight-bound start and a compute-bound end: the knee lies at fixed ÷ by_row rows."""
    return [point(rows, fixed + by_row * rows, width) for rows in values]


@given(at=st.floats(2.1, 60.0), fixed=st.floats(1e-3, 1.0))
def test_the_known_knee_lies_in_the_interval(at: float, fixed: float) -> None:
    found = knee_of(0, step(fixed, fixed / at), 500)
    assert found.value is not None
    assert found.low is not None
    assert found.high is None or found.low <= at <= found.high
    assert 0.5 <= found.value / at <= 2.0
    assert found.largest == 500


def test_the_greatest_power_is_where_a_doubling_gains_the_square_root_of_two() -> None:
    points = step(16.0, 1.0)
    found = knee_of(0, points, None)
    assert (found.value, found.low, found.high) == (16, 8, 32)
    gains = {one.value: two.mean["decode_tps"] / one.mean["decode_tps"] for one, two in itertools.pairwise(points)}
    assert all((gain > math.sqrt(2)) is (value < 16) for value, gain in gains.items())
    assert "knee at 16 rows (between 8 and 32)" in str(found.said)


def test_noise_widens_the_interval() -> None:
    sharp, blurred = (knee_of(0, step(16.0, 1.0, width=width), None) for width in (0.01, 0.15))
    assert blurred.low is not None
    assert sharp.low is not None
    assert blurred.low < sharp.low
    assert blurred.high is None or (sharp.high is not None and blurred.high > sharp.high)
    assert "between 8" not in str(blurred.said)


def test_where_throughput_still_scales_there_is_no_knee() -> None:
    found = knee_of(0, step(1000.0, 1.0), 128)
    assert (found.value, found.high) == (None, None)
    assert "no knee seen up to 128 rows" in str(found.said)


def test_where_every_doubling_loses_the_knee_is_the_single_row() -> None:
    at_one = knee_of(0, step(0.01, 1.0), None)
    assert (at_one.value, at_one.high) == (1, 2)
    later = knee_of(0, step(0.01, 1.0, [8, 16, 32]), None)
    assert later.value is None
    assert "lies below" in str(later.said)


def test_an_end_that_cannot_be_told_from_the_knee_leaves_it_open() -> None:
    found = knee_of(0, step(60.0, 1.0, width=0.3), None)
    assert found.high is None
    assert "cannot be told" in str(found.said)


def test_two_points_are_no_curve_and_unknown_spread_knows_no_bounds() -> None:
    few = knee_of(0, step(16.0, 1.0, [1, 2]), 40)
    assert (few.value, few.largest) == (None, 40)
    assert "it takes three" in str(few.said)
    unknown = knee_of(0, step(16.0, 1.0, width=math.inf), None)
    assert unknown.high is None


def test_the_interval_holds_the_true_knee_in_noisy_repeats() -> None:
    generator = random.Random(7)
    held = 0
    for _ in range(200):
        noisy = [point(rows, (16.0 + rows) * math.exp(generator.gauss(0, 0.02)), 0.05) for rows in DOUBLING]
        found = knee_of(0, noisy, None)
        held += found.low is not None and found.low <= 16 and (found.high is None or found.high >= 16)
    assert held >= 190


@pytest.mark.parametrize("values", [[1, 2, 3, 5, 9, 17, 30], [1, 10, 100]])
def test_values_need_not_double(values: list[int]) -> None:
    found = knee_of(0, step(10.0, 1.0, values), None)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= 10 <= found.high
