"""How answers go wrong: cases worked out by hand."""

import pytest

from workbench.probes.quality.answers import degeneration, loops, mixed_widths, parts_at, repeated_4grams, unbalanced
from workbench.results import AnswerPair, TokenPair


@pytest.mark.parametrize(
    ("reference", "candidate", "at"),
    [
        ([1, 2, 3], [1, 2, 3], None),
        ([1, 2, 3], [9, 2, 3], 0),
        ([1, 2, 3], [1, 2, 4], 2),
        ([1, 2], [1, 2, 3], 2),  # the reference ended, the candidate went on
        ([1, 2, 3], [1], 1),
        ([], [], None),
        ([], [1], 0),
    ],
)
def test_where_two_answers_part(reference: list[int], candidate: list[int], at: int | None) -> None:
    assert parts_at(reference, candidate) == at
    assert parts_at(candidate, reference) == at


def test_repeated_4grams() -> None:
    assert repeated_4grams([1, 2, 3]) == 0.0  # there is none
    assert repeated_4grams(range(20)) == 0.0
    assert repeated_4grams([7] * 8) == 1 - 1 / 5  # five of them, all the same
    # abcd bcda cdab dabc abcd: the fifth was there
    assert repeated_4grams([1, 2, 3, 4, 1, 2, 3, 4]) == pytest.approx(1 / 5)


@pytest.mark.parametrize(
    ("ids", "is_loop"),
    [
        ([5] * 12, True),
        ([5] * 11, False),  # too short to be called one
        ([1, 2, 3, 9, *[5] * 12], True),
        ([*[5] * 12, 1], False),  # it got out of it
        ([1, 2, 3, 4] * 3, True),
        ([8, 1, 2, 3, 4, 5] * 3, True),
        ([8, 1, 2, 3, 4, 5] * 2, False),  # said twice is no loop
        ([0, *[8, 1, 2, 3, 4, 5] * 3, 8, 1], True),  # cut off inside the block
        (list(range(60)), False),
        ([1, 2] * 5, False),
        ([1, 2] * 6, True),
    ],
)
def test_a_loop_is_a_tail_that_repeats(ids: list[int], is_loop: bool) -> None:
    assert loops(ids) is is_loop


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        ("plain text", False),
        ("f(x[0], {1: 2})", False),
        ("f(x[0)", True),
        ("（一）「二」《三》“四”【五】『六』", False),
        ("（一)", True),  # another width
        ("(一）", True),
        ("「一『二」三』", True),
        ("only a closer )", True),
        ("1) first\n2) second\n  b) third", False),
        ("fine :) and ;-)", False),
        ("call(\n    x)", False),
        ("“open", True),
        ("an open (", True),
        ('one " only', True),
        ("```python\nx = 1\n", True),
        ("```python\nx = (1)\n```", False),
        ("it's the dogs' day", False),
    ],
)
def test_brackets_and_quotes(text: str, bad: bool) -> None:
    assert unbalanced(text, ended=True) is bad


def test_an_answer_that_was_cut_off_may_be_open() -> None:
    for text in ("an open (", "“open", "```python\n", 'one " only'):
        assert not unbalanced(text, ended=False)
    assert unbalanced("a (b]", ended=False)


@pytest.mark.parametrize(
    ("text", "mixed"),
    [
        ("今天很好，我们走吧。", False),
        ("今天很好,我们走吧.", False),  # half-width throughout
        ("今天很好,我们走吧。", True),
        ("步骤如下:先加水，再加盐。", True),
        ("用 Python 3.11, 很快。", False),  # after a half-width word
        ("价格是3,500元，时间是14:30。", False),
        ("好的.\n然后，走。", True),
        ("看 www.例子.com，谢谢。", False),
        ("plain, English.", False),
    ],
)
def test_widths_in_chinese(text: str, mixed: bool) -> None:
    assert mixed_widths(text) is mixed


def pair(reference: str, candidate: str) -> AnswerPair:
    def pieces(text: str) -> tuple[TokenPair, ...]:
        return tuple(TokenPair(text=piece, p=1.0) for piece in (*text, "<end>"))

    return AnswerPair(
        prompt="?", domain="english", reference=pieces(reference), candidate=pieces(candidate), parts_at=None
    )


def test_degeneration_of_hand_made_answers() -> None:
    end = 2
    ids = [
        ([10, 11, 12, 13, end], [10, 11, 12, end]),  # shorter, not early
        ([*range(10, 20), end], [10, end]),  # ended early
        ([10, 11, 12, end], [7] * 24),  # loops and never ends
        (list(range(20, 40)), list(range(20, 40))),  # both were cut off
    ]
    ended = [(True, True), (True, True), (True, False), (False, False)]
    texts = [("fine", "fine"), ("a (good) one", "a (bad"), ("好，的。", "好,的。"), ("x", "x")]
    found = degeneration([pair(*both) for both in texts], ids, ended)
    assert found.answers == 4
    assert found.ended == (0.75, 0.5)
    assert found.looping == (0.0, 0.25)
    assert found.unbalanced == (0.0, 0.5)
    assert found.repeat_4gram == pytest.approx((0.0, (1 - 1 / 21) / 4))
    assert found.ended_early == 0.25
    assert found.end_missing == 0.25


def test_the_end_token_is_no_text_and_no_repetition() -> None:
    found = degeneration([pair("ok", "ok")], [([5, 6, 7, 2], [5, 6, 7, 2])], [(True, True)])
    assert (found.unbalanced, found.repeat_4gram) == ((0.0, 0.0), (0.0, 0.0))
    assert degeneration([], [], []).answers == 0
