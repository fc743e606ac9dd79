"""A stop at a sentence end saves what it does not compute; a cut afterwards saves nothing."""

from collections.abc import Iterator
from typing import Any

import pytest

from workbench.charts import figure
from workbench.decoding import stopping
from workbench.errors import ConfigError
from workbench.probes.stopping import cut_at
from workbench.results import StoppedAnswer
from workbench.session import Session
from workbench.widgets import tables


@pytest.fixture(scope="module")
def session(demo_home: Any) -> Iterator[Session]:
    with Session("random:deepseek-llm-7b-base?scale=tiny", host="inline") as opened:
        yield opened


def answer(**fields: Any) -> StoppedAnswer:
    values = {
        "prompt": "p",
        "whole_tokens": 60,
        "stopped_tokens": 20,
        "whole_s": 6.0,
        "stopped_s": 2.0,
        "cut_s": 0.001,
        "finish": "sentence",
        "same": True,
    }
    return StoppedAnswer(**{**values, **fields})


def test_the_verdict_follows_the_interval() -> None:
    quick = stopping.summed_up([answer(), answer(stopped_s=2.2), answer(stopped_s=1.9)], 8, 64, 1, 1.0)
    assert quick.verdict.code == "stopping.saves"
    assert quick.tokens_saved == pytest.approx(2 / 3)
    assert quick.cut_ratio == pytest.approx(1.0, abs=1e-3)
    assert not quick.flags
    mixed = stopping.summed_up([answer(stopped_s=4.0), answer(stopped_s=9.0), answer(same=False)], 8, 64, 1, 1.0)
    assert mixed.verdict.code == "stopping.no_difference"
    assert [flag.code for flag in mixed.flags] == ["stopping.differ"]
    slow = stopping.summed_up([answer(stopped_s=7.0), answer(stopped_s=7.1), answer(stopped_s=7.2)], 8, 64, 1, 1.0)
    assert slow.verdict.code == "stopping.costs"


def test_both_ways_end_at_the_same_token(session: Session) -> None:
    """Random weights write no sentences: punctuation comes often enough all the same, or nothing is saved."""
    found = session.stopping(2, prompts=["One two three.", "春天来了", "The sea"], max_new_tokens=24, rounds=2)
    assert all(each.same for each in found.answers)
    for each in found.answers:
        assert each.stopped_tokens <= each.whole_tokens
        assert (each.finish == "sentence") is (each.stopped_tokens < each.whole_tokens)
    assert session.config.stop_at_sentence == "off"
    assert session.last["stopping"] == found
    assert len(figure(found).data) == 3
    assert "ended by the criterion" in str(tables.show(found))


def test_a_cut_falls_at_the_first_sentence_end_from_so_many_tokens_on(session: Session) -> None:
    ids = session.tokenizer("One two. Three four. Five.", add_special_tokens=False)["input_ids"]
    first = len(session.tokenizer("One two.", add_special_tokens=False)["input_ids"])
    second = len(session.tokenizer("One two. Three four.", add_special_tokens=False)["input_ids"])
    assert cut_at(session.tokenizer, ids, 1) == first
    assert cut_at(session.tokenizer, ids, first + 1) == second
    assert cut_at(session.tokenizer, ids, second + 1) == len(ids)


@pytest.mark.parametrize("options", [{"after": 8, "max_new_tokens": 8}, {"after": 0}, {"prompts": []}, {"rounds": 0}])
def test_bad_work_is_refused(session: Session, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        session.stopping(**options)
