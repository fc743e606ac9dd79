"""The charts of decoding: marks say what differs, foreign text is escaped, nothing to compare is said."""

import json
from typing import Any

import pytest

from workbench.charts import DARK, EITHER, LIGHT
from workbench.charts.decoding import decoding, stopping, windows
from workbench.results import (
    DecodingEffects,
    Effect,
    Reading,
    SettingEffects,
    StoppedAnswer,
    Stopping,
    Windows,
)
from workbench.words import say

HOSTILE = "<img src=x onerror=alert(1)>"


def setting(differs: str = "", **changes: Any) -> SettingEffects:
    effect = Effect(value=0.2, ci95=(0.1, 0.3), difference=0.1, difference_ci95=(0.05, 0.15))
    said = say("decoding.differs_share", metric=differs, change=0.1, low=0.05, high=0.15)
    return SettingEffects(
        changes=changes,
        sampled=bool(changes),
        answers=9,
        metrics=dict.fromkeys(("repeat_4gram", "distinct_1", "distinct_2", "ended", "tokens", "nll"), effect),
        repeated=(9, 9),
        repeat_tokens=8,
        same_over_seeds=None,
        part_at=None,
        finishes={"length": 1.0},
        verdicts=(said if differs else say("decoding.no_difference"),),
    )


EFFECTS = DecodingEffects(
    prompts=9,
    prompt_set="1",
    seeds=4,
    max_new_tokens=64,
    settings=(setting(), setting("tokens", stop_strings=(HOSTILE,)), setting(temperature=0.5)),
    ties=0,
    positions=100,
    dtype="float32",
    sentence=say("decoding.sentence", settings=3, differ=1, others=2),
    seconds=1.0,
)
STOPPED = Stopping(
    after=8,
    max_new_tokens=64,
    rounds=1,
    answers=(
        StoppedAnswer(
            prompt=HOSTILE,
            whole_tokens=64,
            stopped_tokens=20,
            whole_s=3.0,
            stopped_s=1.0,
            cut_s=0.001,
            finish="sentence",
            same=True,
        ),
    ),
    stop_ratio=0.33,
    stop_ratio_ci95=(0.3, 0.4),
    cut_ratio=1.0,
    cut_ratio_ci95=(1.0, 1.0),
    tokens_saved=0.69,
    verdict=say("stopping.saves", ratio=0.33, low=0.3, high=0.4, cut=1.0, tokens=0.69),
    seconds=4.0,
)
READING = Reading(
    passes=1,
    tokens=100,
    seconds=1.0,
    seconds_ci95=(0.9, 1.1),
    peak_bytes=1000,
    nll=2.0,
    nll_ci95=(1.9, 2.1),
    last_nll=2.0,
    last_nll_ci95=(1.8, 2.2),
)
ALONE = Windows(
    tokens=100,
    size=50,
    overlap=10,
    last_tokens=20,
    rounds=3,
    windows=READING,
    one_pass=None,
    peak_method="VmHWM",
    verdict=say("windows.only", tokens=100, limit=64),
    seconds=1.0,
)


@pytest.mark.parametrize("theme", [LIGHT, DARK, EITHER])
def test_a_filled_mark_differs_from_the_first_setting(theme: Any) -> None:
    drawn = decoding(EFFECTS, theme)
    assert len(drawn["data"]) == 5
    by_name = {trace["xaxis"]: trace["marker"]["symbol"] for trace in drawn["data"]}
    assert by_name["x4"] == ["circle", "circle", "circle-open"], "tokens"
    assert by_name["x5"] == ["circle", "circle-open", "circle-open"], "NLL"
    assert drawn["data"][0]["x"] == [20.0] * 3, "shares are drawn in percent"
    assert HOSTILE not in json.dumps(drawn)


def test_saved_time_stands_beside_the_cut_that_saves_none() -> None:
    drawn = stopping(STOPPED, LIGHT)
    whole, cut, stopped = (trace["x"][0] for trace in drawn["data"])
    assert (whole, stopped) == (3.0, 1.0)
    assert cut == pytest.approx(3.001)
    assert HOSTILE not in json.dumps(drawn)


def test_windows_without_one_pass_say_that_there_is_nothing_to_compare_with() -> None:
    drawn = windows(ALONE, LIGHT)
    assert drawn["data"][0]["x"] == []
    assert "nothing to compare" in drawn["layout"]["annotations"][0]["text"]
    both = windows(
        ALONE.model_copy(update={"one_pass": READING, "time_ratio": 1.2, "time_ratio_ci95": (1.1, 1.3)}), LIGHT
    )
    assert both["data"][0]["x"] == [1.2, 1.0, 1.0, 1.0, 1.0]
