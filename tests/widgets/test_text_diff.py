"""Answers side by side: the first difference is marked, probabilities are told, and model output stays text."""

from tests.charts.quality_samples import answer
from tests.charts.samples import HOSTILE
from workbench.results import AnswerPair, TokenPair
from workbench.widgets.text_diff import MOST_ANSWERS, TextDiff, html


def test_the_first_difference_is_marked_in_both_and_not_by_colour_alone() -> None:
    shown = html([answer(parts_at=1)], "full", "bnb-nf4")
    assert shown.count("▲") == 3  # the key, and once in each answer
    assert "<span class='wb-diff-here' title='p = 50.0\u2009%, runner-up 40.0\u2009%'>▲ sky</span>" in shown
    assert "▲ sea" in shown
    assert "part at token 2; the reference&#x27;s own logit lay 0.200 above" in shown


def test_what_is_the_same_says_so_and_stands_below() -> None:
    shown = html([answer("Count.", None), answer("Name a colour.", 1)], "full", "bnb-nf4")
    assert "the same throughout" in shown
    assert shown.index("Name a colour.") < shown.index("Count.")


def test_an_answer_that_ended_first_is_marked_at_its_end() -> None:
    short = AnswerPair(
        prompt="Go on.",
        domain="english",
        reference=(TokenPair(text="The", p=0.9),),
        candidate=(TokenPair(text="The", p=0.9), TokenPair(text=" end", p=0.3)),
        parts_at=1,
    )
    shown = html([short], "full", "bnb-nf4")
    assert "▲ ended here" in shown
    assert "wb-diff-here wb-diff-unsure" in shown  # 0.3 is no clear choice


def test_model_output_is_text_and_never_markup() -> None:
    nasty = AnswerPair(
        prompt=HOSTILE,
        domain=HOSTILE,
        reference=(TokenPair(text=HOSTILE, p=1.0),),
        candidate=(TokenPair(text="'\"><script>", p=1.0),),
        parts_at=0,
    )
    made = TextDiff([nasty], HOSTILE, HOSTILE)
    assert "<img" not in made._repr_html_()
    assert "<script" not in made._repr_html_()
    assert "\x1b" not in repr(made)


def test_long_lists_end_and_empty_ones_say_so() -> None:
    many = [answer(f"prompt {n}") for n in range(MOST_ANSWERS + 5)]
    assert html(many, "a", "b").count("wb-diff-row") == MOST_ANSWERS
    assert "No answers were written" in html([], "a", "b")


def test_plain_text_has_both_answers() -> None:
    assert repr(TextDiff([answer()], "full", "nf4")).splitlines()[:3] == [
        "Name a colour.",
        "  full: The sky",
        "  nf4: The sea",
    ]
