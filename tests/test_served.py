"""From rounds to verdicts: intervals, the noise floor, and the words."""

import math

import pytest

from workbench.results import BatchingWay, Divergence, NoiseFloor, SameTokens
from workbench.served import JUDGED, floor_of, numbers_of, tokens_words, verdict, widest


def way(times: float, low: float, high: float, rounds: int = 4) -> BatchingWay:
    return BatchingWay(name="packed", rounds=rounds, ratio={JUDGED: times}, ratio_ci95={JUDGED: (low, high)})


def test_a_way_is_faster_when_interval_and_floor_both_say_so() -> None:
    quiet, loud = (NoiseFloor(spread={JUDGED: spread}, pairs=3) for spread in (0.01, 0.5))
    assert "1.30× the requests/s of padded [1.20, 1.40]" in str(verdict(way(1.3, 1.2, 1.4), quiet))
    assert "no difference" in str(verdict(way(1.3, 1.2, 1.4), loud))
    assert "no difference" in str(verdict(way(1.02, 0.98, 1.06), quiet))
    assert "padded has 2.00×" in str(verdict(way(0.5, 0.4, 0.6), quiet))
    assert verdict(BatchingWay(name="padded"), quiet) is None
    assert "?" in str(verdict(way(1.3, 1.2, 1.4), NoiseFloor(spread={}, pairs=0)))


def test_the_floor_comes_from_where_rounds_meet() -> None:
    first, last = {JUDGED: [1.0, 2.0, 2.0, 7.0]}, {JUDGED: [5.0, 5.0, 8.0, 8.0]}
    floor = floor_of([first, {JUDGED: [1.0, 9.0, 1.0, 9.0]}, last])
    # the last follows itself into round 2, the first into round 3, the last into round 4: 5→5, 2→2, 8→8
    assert floor.pairs == 3
    assert floor.spread[JUDGED] == 0
    assert floor_of([first, last, {JUDGED: [1.0, 2.0, 2.0, 4.0]}]).spread[JUDGED] == pytest.approx(
        math.log(2) / math.sqrt(3)
    )
    assert floor_of([{JUDGED: [1.0, 2.0]}]).spread == {}


def test_ratios_are_paired_by_round() -> None:
    padded = {JUDGED: [1.0, 2.0, 4.0]}
    found = numbers_of({JUDGED: [1.1, 2.2, 4.4]}, padded)
    assert found["ratio"][JUDGED] == pytest.approx(1.1)
    assert found["ratio_ci95"][JUDGED][1] - found["ratio_ci95"][JUDGED][0] < 1e-9
    assert numbers_of(padded, None)["ratio"] == {}
    assert widest({"padded": padded, "packed": {JUDGED: [1.1, 2.2, 4.4]}}) < 1e-9
    assert widest({"packed": {JUDGED: [1.0, 3.0, 2.0]}}) > 0.5


def test_other_tokens_are_told_and_near_ties_are_told_apart() -> None:
    first = Divergence(row=1, index=3, token_a=5, token_b=6, text_a=" a", text_b=" <b>", margin=0.01)
    tie = SameTokens(requests=8, differing=2, first=first)
    assert tie.ok
    assert "near-ties" in tokens_words(tie)
    other = tie.model_copy(update={"near_tie": False})
    assert not other.ok
    assert "are not those of the prompt alone: request 2 at token 4" in tokens_words(other)
    assert "same tokens" in tokens_words(SameTokens(requests=8, differing=0))
