"""Numbers as people read them, and foreign text made harmless."""

import math
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.words.format import (
    THIN,
    count,
    escape,
    interval,
    knob_value,
    measured,
    number,
    printable,
    quantity,
    ratio,
    seconds,
    share,
    size,
)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (16.74, "16.7"),
        (1.0, "1.00"),
        (9.996, "10.0"),
        (99.96, "100"),
        (1234, "1230"),
        (134_515_008, "135000000"),
        (0.01234, "0.0123"),
        (-3.14159, "-3.14"),
        (0.0, "0"),
        (1.5e-7, "1.50e-07"),
        (math.inf, "∞"),
        (None, "not measured"),
        (math.nan, "not measured"),
    ],
)
def test_three_significant_figures(value: float | None, written: str) -> None:
    assert number(value) == written


@given(st.floats(min_value=1e-4, max_value=1e14))
def test_what_is_written_is_within_half_a_percent_of_the_value(value: float) -> None:
    written = number(value)
    assert float(written) == pytest.approx(value, rel=0.00501)
    assert "e" not in written


def test_units_stand_after_a_thin_space() -> None:
    assert quantity(16.7, "tok/s") == f"16.7{THIN}tok/s"
    assert share(0.413) == f"41.3{THIN}%"
    assert ratio(1.312) == "1.31×"
    assert size(257 * 1024**2) == f"257{THIN}MiB"
    assert size(0) == f"0{THIN}B"
    assert count(134_515_008) == f"134{THIN}515{THIN}008"


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.0000213, "21.3 µs"), (0.0213, "21.3 ms"), (0.7, "700 ms"), (38, "38.0 s"), (600, "10.0 min"), (9000, "2.50 h")],
)
def test_durations_choose_their_unit(value: float, written: str) -> None:
    assert seconds(value) == written.replace(" ", THIN)


def test_intervals_share_their_decimals() -> None:
    assert interval((1.268, 1.359)) == "[1.27, 1.36]"
    assert interval((0.991, 1.02)) == "[0.99, 1.02]"
    assert interval((-0.02, 0.5)) == "[-0.020, 0.500]"
    assert interval((-0.0001, 20.0)) == "[0.0, 20.0]"
    assert measured(16.7, (16.2, 17.1), "tok/s") == f"16.7{THIN}tok/s [16.2, 17.1]"


def test_what_is_not_known_is_said_and_is_never_zero() -> None:
    for written in (quantity(None, "tok/s"), share(None), size(None), seconds(None), ratio(None), count(None)):
        assert written == "not measured"
    assert measured(None, (1, 2), "s") == "not measured"
    assert interval((-math.inf, math.inf)) == "[interval not measured]"
    assert interval(None) == "[interval not measured]"


def test_knob_values() -> None:
    assert [knob_value(value) for value in (True, False, 0.05, (2, 0), None, "eager")] == [
        "on",
        "off",
        "0.05",
        "2, 0",
        "none",
        "eager",
    ]


@given(st.text(max_size=400))
def test_nothing_that_controls_a_terminal_or_a_line_stays(foreign: str) -> None:
    for character in printable(foreign):
        assert character in "\n\t\u200d" or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(st.text(max_size=300))
def test_escaped_text_has_no_markup(foreign: str) -> None:
    assert not set(escape(foreign)) & set("<>\"'")


def test_long_text_is_cut_and_says_so() -> None:
    assert printable("x" * 500, 10) == "x" * 10 + "…"
    assert printable("大海", 10) == "大海"
    assert printable("\x1b[31m\u202e") == "␛[31m\\u202e"
