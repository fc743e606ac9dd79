"""What a model gives as its answer: cases written by hand."""

import pytest

from workbench.probes.quality.checking import given, is_right, thought


@pytest.mark.parametrize(
    ("text", "thinking", "answer"),
    [
        ("<think>\nlet me see\n</think>\n\nIt is 4.", "let me see", "It is 4."),
        ("let me see</think>4", "let me see", "4"),  # the template opened it
        ("<think>never ends", "never ends", None),
        ("plain", "plain", None),
        ("<think></think>", "", ""),
    ],
)
def test_thinking_is_parted_from_the_answer(text: str, thinking: str, answer: str | None) -> None:
    assert thought(text) == (thinking, answer)


@pytest.mark.parametrize(
    ("answer", "expected", "found"),
    [
        (r"Therefore \boxed{12}.", "12", "12"),
        (r"First \boxed{3}, no: \boxed{12}", "12", "12"),
        (r"\boxed{\text{12 dollars}}", "12", "12"),
        (r"\boxed{1{,}024}", "1024", "1024"),
        (r"\boxed{12.0}", "12", "12.0"),
        (r"\boxed{\frac{1}{2}", "12", "2"),  # it never closes: the last number
        ("The answer is 12 dollars, not 13.", "12", "12"),
        ("**Answer:** 12", "12", "12"),
        ("答案是：12 元。", "12", "12"),
        ("6 × 2 = 12", "12", "12"),
        ("一共１２张。", "12", "12"),
        ("In total 1,024 apples", "1024", "1024"),
        ("I do not know.", "12", None),
        ("", "12", None),
        (r"\boxed{\text{Thursday}}", "Thursday", "thursday"),
        ("Yesterday was **Thursday**.", "Thursday", "thursday"),
        ("The answer is Tom. He is tall.", "Tom", "tom"),
        ("所以是星期天。", "日", "日"),
        (r"\boxed{星期日}", "日", "日"),
        (r"说真话的是\boxed{乙}。", "乙", "乙"),
        ("答案：乙", "乙", "乙"),
        ("x = -7", "-7", "-7"),
    ],
)
def test_what_is_given(answer: str, expected: str, found: str | None) -> None:
    assert given(answer, expected) == found
    assert is_right(found, expected) is (found is not None and r"\frac" not in answer)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (r"\boxed{13}", "12"),
        (r"\boxed{112}", "12"),
        ("It might be 12, or 13", "12"),
        (r"\boxed{Friday}", "Thursday"),
        (r"\boxed{甲}", "乙"),
        ("12 or so; the answer is 14", "12"),
    ],
)
def test_another_answer_is_wrong(answer: str, expected: str) -> None:
    assert not is_right(given(answer, expected), expected)
