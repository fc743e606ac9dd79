"""From tokens, differences and pairs to the verdict on exported code."""

from collections.abc import Sequence
from typing import Any

import pytest

from workbench.decoding.verdict import judged
from workbench.judging import COMPARED
from workbench.pairing import Gathered
from workbench.results import Answers, Verification, Workload
from workbench.words import say

SAME = (Answers(prompts=("one", "two"), chat=True, tokens=40),)
PARTED = (Answers(prompts=("one", "two\u202e"), chat=True, tokens=40, parts_at=(1, 6)),)


def gathered(ratios: Sequence[float]) -> Gathered:
    pairs = tuple((dict.fromkeys(COMPARED, 10.0), dict.fromkeys(COMPARED, 10.0 * ratio)) for ratio in ratios)
    same = tuple((first, first) for first, _ in pairs[1:])
    return Gathered(pairs=pairs, same=same, stopped_by="precision", set_aside=0, others_cores=0.0)


def verdict(ratios: Sequence[float] | None = (1.0, 1.01, 0.99, 1.0), **changes: Any) -> Verification:
    fields: dict[str, Any] = {
        "answers": SAME,
        "differences": (),
        "gathered": gathered(ratios) if ratios else None,
        "problem": None,
        "tolerance": 0.03,
        "estimate": False,
        "without_workbench": True,
        "flags": (),
        "workload": Workload(),
        "seconds": 1.0,
    }
    return judged(**{**fields, **changes})


@pytest.mark.parametrize(
    ("ratios", "speed", "ok"),
    [
        ((1.0, 1.01, 0.99, 1.0), "within", True),
        ((0.99, 1.01, 0.95, 1.04), "open", True),
        ((0.9, 0.91, 0.9, 0.89), "differs", False),
        ((1.2, 1.21, 1.2, 1.19), "differs", False),  # faster is not what was exported either
        ((0.5, 1.5, 0.8, 1.3), "unknown", False),
    ],
)
def test_speed_is_judged_by_its_interval(ratios: Sequence[float], speed: str, ok: bool) -> None:
    found = verdict(ratios)
    assert (found.speed, found.ok) == (speed, ok)
    assert found.same_tokens
    assert found.pairs == 4
    assert found.speed_ratio == pytest.approx(found.ratio["decode_tps"])
    assert str(found)


def test_an_estimate_has_no_interval_and_condemns_nothing() -> None:
    found = verdict((0.5,), estimate=True)
    assert found.ok
    assert found.way == "by_turns"
    assert (found.speed, found.ci95) == (None, {})
    assert "estimate" in str(found)


def test_tokens_that_part_are_named() -> None:
    found = verdict(answers=PARTED)
    assert (found.ok, found.same_tokens) == (False, False)
    assert "new token 7" in str(found)
    assert "\u202e" not in str(found)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"without_workbench": False}, "could be imported"),
        ({"differences": (say("verify.differs", what="dtype", session="a", snippet="b"),)}, "dtype: a in the session"),
        ({"problem": say("verify.hangs", doing="load", seconds=3), "ratios": None, "answers": ()}, "no answer"),
    ],
)
def test_whatever_is_not_as_promised_fails_it(changes: dict[str, Any], said: str) -> None:
    found = verdict(**changes)
    assert not found.ok
    assert said in str(found)


def test_no_answers_are_no_identical_tokens() -> None:
    assert verdict(None, answers=(), problem=say("verify.hangs", doing="load", seconds=3)).same_tokens is None
