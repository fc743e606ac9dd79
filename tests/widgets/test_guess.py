"""What was expected beside what ran."""

from types import SimpleNamespace

import pytest

from workbench.widgets.guess import Guess

MEASURED = SimpleNamespace(decode_tps=25.0, prefill_tps=400.0, ci95={"decode_tps": (24.0, 26.0)})


@pytest.mark.parametrize(
    ("guess", "said"),
    [(25.5, "within the interval"), (50, "2.00× too high"), (10, "2.50× too low"), (26.1, "1.04× too high")],
)
def test_a_number_is_held_to_the_interval(guess: float, said: str) -> None:
    (row,) = Guess(decode_tps=guess).against(MEASURED).rows
    assert row[0] == "Decode"
    assert "[24.0, 26.0]" in row[2]
    assert row[3] == said


@pytest.mark.parametrize(("guess", "said"), [(410, "right"), (385.0, "right"), (300, "1.33× too low")])
def test_without_an_interval_near_is_right(guess: float, said: str) -> None:
    (row,) = Guess(prefill_tps=guess).against(MEASURED).rows
    assert row[3] == said


@pytest.mark.parametrize(
    ("guess", "ran", "said"),
    [("sdpa", "sdpa", "right"), ("sdpa", "eager", "another answer"), (0, 3, "another answer"), (True, True, "right")],
)
def test_words_and_yes_or_no(guess: object, ran: object, said: str) -> None:
    (row,) = Guess({"which wins": guess}).against({"which wins": ran}).rows
    assert row[0] == "which wins"
    assert row[3] == said


def test_what_is_not_in_the_result_is_an_error() -> None:
    with pytest.raises(KeyError):
        Guess(decode_tps=1).against({"prefill_tps": 1})
    with pytest.raises(KeyError):
        Guess(speed=1).against(MEASURED)


def test_a_guess_is_shown_as_text() -> None:
    assert "<img" not in Guess({"<img src=x>": "<img src=x>"}).against({"<img src=x>": "<b>"})._repr_html_()
    assert "Decode: 20" in repr(Guess(decode_tps=20))
