"""Streamed text: all of it, escaped, and seldom enough."""

import html
from collections.abc import Callable
from typing import Any

import pytest

from tests.charts.samples import HOSTILE
from workbench.config import Config
from workbench.errors import ConfigError
from workbench.results import Chunk, Completion, SideBySide
from workbench.widgets import answer
from workbench.widgets.answer import Answer
from workbench.widgets.guard import Guard


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(answer, "time", made)
    return made


def chunk(index: int, text: str, last: bool = False, row: int = 0) -> Chunk:
    return Chunk(
        row=row,
        text=text,
        token_id=index,
        index=index,
        elapsed_s=0.4 + index / 100,
        decode_tps=50.0 if index else None,
        finish_reason="length" if last else None,
    )


def pane_of(submit: Callable[..., Any], sides: tuple[Config, Config] | None = None) -> Answer:
    return Answer(Guard(lambda error: pytest.fail(str(error))), submit, lambda: sides)


def test_a_hundred_tokens_a_second_draw_ten_times_a_second_and_lose_nothing(clock: Clock) -> None:
    pane = pane_of(lambda *_asked, **_how: None)
    drawn: list[str] = []
    pane._output.observe(lambda change: drawn.append(change["new"]), "value")
    for index in range(200):
        clock.now += 0.01
        pane.take(1, chunk(index, f"{index} ", last=index == 199))
    assert 15 <= len(drawn) <= 22
    assert all(f"{index} " in drawn[-1] for index in range(200))
    assert "200 tokens" in pane._rate.value
    assert "50.0" in pane._rate.value
    assert "reached the length" in pane._rate.value


def test_the_rest_is_shown_when_a_stop_left_it_undrawn(clock: Clock) -> None:
    pane = pane_of(lambda *_asked, **_how: None)
    pane.take(1, chunk(0, "first "))
    pane.take(1, chunk(1, "second"))
    assert "second" not in pane._output.value
    pane.draw()
    assert "first second" in pane._output.value


def test_a_new_job_starts_an_empty_page_and_rows_are_named(clock: Clock) -> None:
    pane = pane_of(lambda *_asked, **_how: None)
    pane.take(1, chunk(0, "old", last=True))
    pane.take(2, chunk(0, "left", last=True))
    pane.take(2, chunk(0, "right", last=True, row=1))
    assert "old" not in pane._output.value
    assert "row 1" in pane._output.value
    assert "row 2" in pane._output.value


def test_hostile_and_endless_text(clock: Clock) -> None:
    pane = pane_of(lambda *_asked, **_how: None)
    pane.take(1, chunk(0, HOSTILE + "\n<script>", last=True))
    assert "<img" not in pane._output.value
    assert "<script" not in pane._output.value
    assert html.escape("<img src=x") in pane._output.value
    pane.take(2, chunk(0, "x" * 100_000, last=True))
    assert len(pane._output.value) < 30_000
    assert "80000 characters are not shown" in pane._output.value


def test_an_empty_prompt_is_refused_and_another_handed_on() -> None:
    asked: list[Any] = []
    pane = pane_of(lambda *given, **how: asked.append((*given, how)))
    pane._prompt.value = " "
    with pytest.raises(ConfigError, match="prompt is empty"):
        pane.one()
    pane._prompt.value = "The sea"
    pane.one()
    pane._chat.value = False
    pane.one()
    told = {"max_new_tokens": 64}
    assert asked == [("generate", ["The sea"], {**told, "chat": raw}) for raw in (True, False)]


SIDES = Config(), Config(attention="eager")


def test_both_asks_for_two_configurations_and_shows_each_with_its_speed(clock: Clock) -> None:
    asked: list[Any] = []
    pane = pane_of(lambda *given, **how: asked.append((*given, how)), SIDES)
    pane._prompt.value = "The sea"
    pane.both()
    assert asked == [("side_by_side", "The sea", *SIDES, 64, {"chat": True})]
    for row, words in enumerate(("is wide", HOSTILE)):
        for index, word in enumerate((f"The sea {words}", " today")):
            pane.take(1, chunk(index, word, last=index == 1, row=row))
    shown = pane._output.value
    assert "A: sdpa" in shown
    assert "B: eager" in shown
    assert shown.count("50.0") == 2
    assert "<img" not in shown
    assert "▲" not in shown  # nobody has said yet where they part
    assert "no verdict" in pane._rate.value


@pytest.mark.parametrize(
    ("second", "parts_at", "mark"), [("The sea is deep", 3, "The sea is <b"), ("The sea is wide", None, "")]
)
def test_where_the_answers_part_is_marked(clock: Clock, second: str, parts_at: int | None, mark: str) -> None:
    pane = pane_of(lambda *_given, **_how: None, SIDES)
    pane._prompt.value = "?"
    pane.both()
    answers = []
    for row, whole in enumerate(("The sea is wide", second)):
        pane.take(1, chunk(0, whole, last=True, row=row))
        fields = {"token_ids": (1, 2, 3, 4), "finish_reason": "length", "prompt_tokens": 1, "ttft_s": 0.1}
        answers.append(Completion(text=whole, decode_tps=50.0, **fields))
    pane.found(SideBySide(a={}, b={}, answers=(answers[0], answers[1]), parts_at=parts_at))
    assert (pane._output.value.count("▲") == 2) is (parts_at is not None)
    assert mark in pane._output.value
    assert ("part at token 4" if parts_at else "the same tokens") in pane._rate.value


def test_without_two_configurations_there_is_nothing_to_set_side_by_side() -> None:
    pane = pane_of(lambda *_given, **_how: None)
    pane.enable(True)
    assert pane._both.disabled
    assert not pane._generate.disabled
    pane._prompt.value = "The sea"
    with pytest.raises(ConfigError):
        pane.both()
