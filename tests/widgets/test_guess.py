"""What was expected beside what ran."""

from types import SimpleNamespace

import pytest

from tests.charts.samples import comparison
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


@pytest.mark.parametrize(
    ("guess", "said"), [("faster", "right"), ("slower", "another answer"), ("no difference", "another answer")]
)
def test_a_comparison_is_guessed_in_words(guess: str, said: str) -> None:
    found = comparison(prefill=1.3)
    (row,) = Guess(prefill_tps=guess).against(found).rows
    assert row[2] == str(found.verdict["prefill_tps"])
    assert row[3] == said
    assert Guess(e2e_s="faster").against(comparison(prefill=2.0, decode=2.0)).rows[0][3] == "right"
    assert Guess(decode_tps="no difference").against(found).rows[0][3] == "right"


def test_a_refusal_of_a_verdict_is_no_wrong_guess() -> None:
    shared = comparison(shared=True)
    assert Guess(prefill_tps="slower").against(shared).rows[0][3] == "no verdict, so no answer"
    assert Guess(what=1.0).against({"what": None}).rows[0][3] == "no answer"


def test_what_is_not_in_the_result_is_an_error() -> None:
    with pytest.raises(KeyError):
        Guess(decode_tps=1).against({"prefill_tps": 1})
    with pytest.raises(KeyError):
        Guess(speed=1).against(MEASURED)


def test_a_guess_is_shown_as_text() -> None:
    assert "<img" not in Guess({"<img src=x>": "<img src=x>"}).against({"<img src=x>": "<b>"})._repr_html_()
    assert "Decode: 20" in repr(Guess(decode_tps=20))
