"""Cards of tips: predict, test one or all, what was found, apply, Stop; whatever is shown is text."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from workbench.config import Config
from workbench.results import TipsReport, Verdict
from workbench.session import Session
from workbench.tips import TIPS
from workbench.widgets import TipCards

SLOW = "S2-4"  # takes a minute, so that Stop falls into it


@pytest.fixture(scope="module")
def session(demo_home: Path) -> Iterator[Session]:
    config = Config(dtype="float32", threads=1)
    with Session("random:deepseek-llm-7b-base?scale=tiny", config=config) as opened:
        yield opened


def below(widget: Any) -> Iterator[Any]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from below(child)


def part(cards: TipCards, name: str) -> Any:
    return next(each for each in below(cards.box) if name in each._dom_classes)


def words(widget: Any) -> str:
    return " ".join(each.value for each in below(widget) if isinstance(getattr(each, "value", None), str))


def wait_until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_predict_then_test_all(session: Session) -> None:
    cards = TipCards(session, "S1-4", "s0-19", "S1-10")
    part(cards, "wb-predict-S1-4-does-not-hold").click()
    part(cards, "wb-predict-S0-19-holds").click()
    part(cards, "wb-predict-S1-10-holds").click()
    assert cards.predictions == {"S1-4": Verdict.NOT, "S0-19": Verdict.HOLDS, "S1-10": Verdict.HOLDS}
    assert part(cards, "wb-predict-S1-4-does-not-hold").description.startswith("•")
    report = cards.run()
    assert isinstance(report, TipsReport)
    assert {run.id: run.verdict for run in report.runs} == {
        "S1-4": Verdict.NOT,
        "S0-19": Verdict.NOT,
        "S1-10": Verdict.CANNOT,
    }
    assert "1 of 2 predictions were right" in part(cards, "wb-tips-said").value, "S1-10 told nobody right or wrong"
    said = words(part(cards, "wb-tip-S0-19"))
    assert "does not hold" in said
    assert "Predicted was: holds" in said
    assert "12 forward calls of 4 rows" in said
    assert f"Instead: {TIPS['S0-19'].instead}" in said
    assert part(cards, "wb-predict-S1-4-holds").disabled, "what was tested is no prediction any more"
    cards.close()


def test_one_by_its_button_then_what_to_do_instead(session: Session) -> None:
    before = session.config
    cards = TipCards(session, "S0-19", "S1-4")
    assert part(cards, "wb-run-S1-4").disabled, "first what is expected of it"
    part(cards, "wb-predict-S1-4-holds").click()
    assert part(cards, "wb-run-tips").disabled, "the other was not predicted"
    assert "Predict 1 more" in part(cards, "wb-tips-said").value
    part(cards, "wb-run-S1-4").click()
    wait_until(lambda: "S1-4" in cards.runs and part(cards, "wb-stop-tips").disabled)
    part(cards, "wb-predict-S0-19-holds").click()
    assert not part(cards, "wb-run-tips").disabled
    assert set(cards.runs) == {"S1-4"}
    assert "wb-hidden" in part(cards, "wb-apply-S1-4")._dom_classes, "there is nothing to apply"
    session.apply(pad_token="eos")
    part(cards, "wb-apply-S0-19").click()
    wait_until(lambda: session.config.pad_token == TIPS["S0-19"].apply["pad_token"])
    wait_until(lambda: "In force" in words(part(cards, "wb-bottom")))
    session.apply(before)
    cards.close()


def test_stop_leaves_the_rest_and_the_bench_as_it_was(session: Session) -> None:
    before = session.config
    cards = TipCards(session, "S1-4", SLOW)
    future = cards.start(("S1-4", SLOW))
    with pytest.raises(RuntimeError, match="being tested"):
        cards.start(("S1-4",))
    wait_until(lambda: "S1-4" in cards.runs and session.state == "measuring")
    part(cards, "wb-stop-tips").click()
    report = future.result(60)
    assert ([run.id for run in report.runs], report.left) == (["S1-4"], (SLOW,))
    assert session.config == before
    assert part(cards, "wb-stop-tips").disabled
    cards.close()


def test_a_new_one_takes_the_place_of_the_one_before(session: Session) -> None:
    first = TipCards(session, "S1-4")
    second = TipCards(session, "S1-4")
    assert first._closed
    with pytest.raises(RuntimeError):
        first.start(("S1-4",))
    second.close()
    second.close()


def test_an_unknown_tip_is_told(session: Session) -> None:
    from workbench.errors import ConfigError

    with pytest.raises(ConfigError, match="S0-14"):
        TipCards(session, "S0-140")
