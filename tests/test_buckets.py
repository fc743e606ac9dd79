"""Every request is in exactly one bucket, and no bucketing pads more than one batch of all."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.buckets import Buckets, by_count, by_width, positions
from workbench.errors import ConfigError

lengths_of = st.lists(st.integers(1, 300), min_size=1, max_size=14)


def check(lengths: list[int], buckets: Buckets) -> None:
    assert sorted(place for bucket in buckets for place in bucket) == list(range(len(lengths)))
    assert all(buckets)
    assert sum(lengths) <= positions(lengths, buckets) <= len(lengths) * max(lengths)
    longest = [max(lengths[place] for place in bucket) for bucket in buckets]
    assert longest == sorted(longest)


@given(lengths=lengths_of, count=st.integers(1, 16))
def test_as_many_buckets_as_asked_and_none_pads_more_than_one(lengths: list[int], count: int) -> None:
    buckets = by_count(lengths, count)
    check(lengths, buckets)
    assert len(buckets) <= count


@given(lengths=lengths_of, width=st.integers(1, 400))
def test_buckets_of_one_width(lengths: list[int], width: int) -> None:
    buckets = by_width(lengths, width)
    check(lengths, buckets)
    for bucket in buckets:
        assert len({(lengths[place] - 1) // width for place in bucket}) == 1


@given(lengths=st.lists(st.integers(1, 60), min_size=1, max_size=7), count=st.integers(1, 4))
def test_no_other_cut_pads_less(lengths: list[int], count: int) -> None:
    ordered = sorted(lengths)

    def cheapest(rest: list[int], left: int) -> int:
        if not rest:
            return 0
        if left == 1:
            return len(rest) * rest[-1]
        return min(at * rest[at - 1] + cheapest(rest[at:], left - 1) for at in range(1, len(rest) + 1))

    assert positions(lengths, by_count(lengths, count)) == cheapest(ordered, count)


@given(lengths=lengths_of)
def test_more_buckets_never_pad_more_and_one_for_each_pads_nothing(lengths: list[int]) -> None:
    costs = [positions(lengths, by_count(lengths, count)) for count in range(1, len(lengths) + 1)]
    assert all(later <= earlier for earlier, later in pairwise(costs))
    assert costs[-1] == sum(lengths)


def test_one_bucket_is_the_padded_batch() -> None:
    assert by_count([5, 90, 20], 1) == ((0, 2, 1),)
    assert positions([5, 90, 20], by_count([5, 90, 20], 1)) == 270
    assert by_count([5, 90, 20], 2) == ((0, 2), (1,))
    assert by_width([5, 90, 20], 32) == ((0, 2), (1,))


@pytest.mark.parametrize("given_value", [0, -3])
def test_fewer_than_one_is_refused(given_value: int) -> None:
    with pytest.raises(ConfigError, match="buckets hold no request"):
        by_count([1], given_value)
    with pytest.raises(ConfigError, match="tokens holds nothing"):
        by_width([1], given_value)
