"""The crossing of two configurations, from made-up ratios whose crossing is known."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.crossing import Point, crossing


def line(lengths: list[int], at: float, slope: float, half: float) -> list[Point]:
    """log ratio = slope × log(length ÷ at), known to ±half."""
    points: list[Point] = []
    for length in lengths:
        middle = slope * math.log(length / at)
        points.append((length, math.exp(middle), (math.exp(middle - half), math.exp(middle + half))))
    return points


@pytest.mark.parametrize("slope", [0.5, -0.5])
def test_a_straight_line_crosses_where_it_was_drawn(slope: float) -> None:
    found = crossing(line([8, 32, 128, 512], 60.0, slope, 0.1))
    assert found is not None
    assert found.at == pytest.approx(60.0)
    assert found.interval == pytest.approx((60.0 * math.exp(-0.2), 60.0 * math.exp(0.2)))
    assert found.b_below is (slope > 0)
    assert found.between == (32, 128)


def test_what_is_not_clear_on_both_sides_is_no_crossing() -> None:
    assert crossing(line([8, 32, 128, 512], 60.0, 0.5, 3.0)) is None
    assert crossing(line([8, 32, 128], 4.0, 0.5, 0.1)) is None
    assert crossing(line([8, 32], 5000.0, 0.5, 0.1)) is None
    assert crossing([]) is None
    assert crossing([(8, 0.5, None), (16, 2.0, None)]) is None


def test_unclear_lengths_in_between_widen_the_interval() -> None:
    points = line([8, 32, 128, 512], 64.0, 0.5, 0.1)
    points[1] = (32, 0.9, (0.5, 1.6))
    points[2] = (128, 1.1, (0.6, 2.0))
    found = crossing(points)
    assert found is not None
    assert found.between == (8, 512)
    assert 32 < found.at < 128
    assert 8 < found.interval[0] < 32
    assert 128 < found.interval[1] < 512
    points[1] = (32, 0.9, None)  # nothing is known there
    found = crossing(points)
    assert found is not None
    assert found.interval[0] == 8


def test_to_and_fro_is_no_single_crossing() -> None:
    sides = [(8, 0.5), (16, 2.0), (32, 0.5)]
    assert crossing([(length, ratio, (ratio * 0.9, ratio * 1.1)) for length, ratio in sides]) is None


@given(st.floats(10, 400), st.floats(0.2, 2.0), st.floats(0.01, 0.2))
def test_the_interval_holds_the_crossing_and_the_order_does_not_matter(at: float, slope: float, half: float) -> None:
    points = line([1, 4, 16, 64, 256, 1024], at, slope, half)
    found, turned = crossing(points), crossing(points[::-1])
    assert found == turned
    if found is not None:
        assert found.interval[0] <= found.at <= found.interval[1]
