"""The chart of a verification: each pair, their mean with its interval, and the tolerance as a band."""

import pytest

from tests.test_verdict_of_code import verdict
from workbench.charts import DARK, LIGHT, figure
from workbench.charts.verification import verification
from workbench.words import say

HOSTILE = "<img src=x>\u202e"


def test_pairs_mean_interval_and_tolerance_are_where_they_were_measured() -> None:
    found = verdict((0.99, 1.01, 0.95, 1.04))
    band, _equal, pairs, mean = verification(found, LIGHT)["data"]
    assert pairs["y"] == pytest.approx([0.99, 1.01, 0.95, 1.04])
    assert sorted(set(band["y"])) == [0.97, 1.03]
    assert mean["y"] == [found.speed_ratio]
    low, high = found.ci95["decode_tps"]
    assert mean["y"][0] + mean["error_y"]["array"][0] == pytest.approx(high)
    assert mean["y"][0] - mean["error_y"]["arrayminus"][0] == pytest.approx(low)
    bottom, top = verification(found, LIGHT)["layout"]["yaxis"]["range"]
    assert bottom < min(low, 0.95)
    assert top > max(high, 1.04)


def test_without_a_speed_it_says_so_and_foreign_text_is_text() -> None:
    found = verdict(None, answers=(), problem=say("verify.raised", doing="load", problem=HOSTILE))
    made = figure(found, DARK)
    assert "no speed was measured" in made.to_json()
    assert "<img" not in made.to_json()
    assert [len(trace.y) for trace in made.data[2:]] == [0, 0]
