"""Exported code in the panel: the main file alone, what lies beside it, and what came of running it."""

import html
from typing import Any

import pytest

from tests.test_verdict_of_code import verdict
from workbench.results import Snippet
from workbench.widgets import tables
from workbench.widgets.header import Header
from workbench.words import say

HOSTILE = "<img src=x onerror=alert(1)>\u202e"
SNIPPET = Snippet(target="transformers", code="main", files={"load_model.py": "main", "check_model.py": "more"})


@pytest.fixture
def shown() -> dict[str, Any]:
    """The parts of a header that shows a snippet, by class."""
    header = Header()
    header.toggle_snippet(lambda: SNIPPET)
    found: dict[str, Any] = {}
    waiting = [header.box]
    while waiting:
        widget = waiting.pop()
        found |= {name.removeprefix("wb-"): widget for name in widget._dom_classes}
        waiting += getattr(widget, "children", ())
    return {**found, "made": header}


def test_the_main_file_is_shown_and_the_others_are_named(shown: dict[str, Any]) -> None:
    assert shown["snippet"].code == "main"
    assert "check_model.py" in shown["export-note"].value
    assert shown["made"].snippet is SNIPPET
    shown["made"].toggle_snippet(lambda: pytest.fail("it was hidden, not made anew"))


def test_the_result_stands_above_the_code_until_another_is_shown(shown: dict[str, Any]) -> None:
    shown["made"].found(verdict(load_seconds=2.0))
    assert "40 of 40 identical" in shown["verified"].value
    assert "wb-but" not in shown["verified"].value
    shown["made"].hide_snippet()
    shown["made"].toggle_snippet(lambda: SNIPPET)
    assert shown["verified"].value == ""


def test_what_the_code_says_is_text(shown: dict[str, Any]) -> None:
    problem = say("verify.raised", doing="load", problem=HOSTILE)
    shown["made"].found(verdict(None, answers=(), problem=problem))
    assert "wb-but" in shown["verified"].value
    assert html.escape("<img src=x") in shown["verified"].value
    assert "<img" not in shown["verified"].value
    assert "\u202e" not in shown["verified"].value


def test_a_verification_is_a_table(shown: dict[str, Any]) -> None:
    table = repr(tables.show(verdict(load_seconds=2.0)))
    assert "40 of 40 identical" in table
    assert "as in the session" in table
    assert "4 pairs, ended by precision" in table
