"""Streamed text: all of it, escaped, and seldom enough."""

import html

import pytest

from tests.charts.samples import HOSTILE
from workbench.errors import ConfigError
from workbench.results import Chunk
from workbench.widgets import answer
from workbench.widgets.answer import Answer


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


def test_a_hundred_tokens_a_second_draw_ten_times_a_second_and_lose_nothing(clock: Clock) -> None:
    pane = Answer(lambda _prompt, _new: None)
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
    pane = Answer(lambda _prompt, _new: None)
    pane.take(1, chunk(0, "first "))
    pane.take(1, chunk(1, "second"))
    assert "second" not in pane._output.value
    pane.draw()
    assert "first second" in pane._output.value


def test_a_new_job_starts_an_empty_page_and_rows_are_named(clock: Clock) -> None:
    pane = Answer(lambda _prompt, _new: None)
    pane.take(1, chunk(0, "old", last=True))
    pane.take(2, chunk(0, "left", last=True))
    pane.take(2, chunk(0, "right", last=True, row=1))
    assert "old" not in pane._output.value
    assert "row 1" in pane._output.value
    assert "row 2" in pane._output.value


def test_hostile_and_endless_text(clock: Clock) -> None:
    pane = Answer(lambda _prompt, _new: None)
    pane.take(1, chunk(0, HOSTILE + "\n<script>", last=True))
    assert "<img" not in pane._output.value
    assert "<script" not in pane._output.value
    assert html.escape("<img src=x") in pane._output.value
    pane.take(2, chunk(0, "x" * 100_000, last=True))
    assert len(pane._output.value) < 30_000
    assert "80000 characters are not shown" in pane._output.value


def test_an_empty_prompt_is_refused_and_another_handed_on() -> None:
    asked: list[tuple[str, int]] = []
    pane = Answer(lambda prompt, new: asked.append((prompt, new)))
    pane._prompt.value = " "
    with pytest.raises(ConfigError, match="prompt is empty"):
        pane.clicked()
    pane._prompt.value = "The sea"
    pane.clicked()
    assert asked == [("The sea", 64)]
