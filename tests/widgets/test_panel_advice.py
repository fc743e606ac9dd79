"""The tab of advice: what is found stands there, and a click tries the cure and shows what came of it."""

import html

import pytest

from tests.widgets.conftest import Driver
from workbench.results.advice import Advice, Cure
from workbench.widgets import TuningPanel

pytestmark = pytest.mark.model


def shown(panel: Driver, rule: str) -> str:
    (block,) = (each for each in panel["advice"].children if f"wb-finding-{rule}" in each._dom_classes)
    return html.unescape(block.children[0].value)


def test_what_is_found_stands_in_its_tab_with_a_button_for_its_cure(panel: Driver) -> None:
    panel.session.apply(sdpa_backend="math")
    panel.idle()
    panel.press("advise")
    found = panel.session.last["advice"]
    assert isinstance(found, Advice)
    assert panel["tabs"].titles[panel["tabs"].selected_index] == "Advice"
    assert f"{len(found.findings)} findings" in panel["status"].value
    assert len(panel["advice"].children) == len(found.findings)
    said = shown(panel, "math_attention")
    assert "math kernel" in said
    assert "session.apply(sdpa_backend='auto')" in said
    panel.press("try-math_attention")
    cure = panel.session.last["cure"]
    assert isinstance(cure, Cure)
    assert str(cure.sentence) in shown(panel, "math_attention")
    assert panel.session.config["sdpa_backend"] == ("auto" if cure.kept else "math")
    panel.session.apply(sdpa_backend="auto")
    panel.idle()
    assert "another configuration" in panel["advice-said"].value
    panel.press("advise")
    assert "another configuration" not in panel["advice-said"].value


def test_a_later_panel_shows_what_was_found_before(panel: Driver) -> None:
    panel.press("advise")
    before = len(panel["advice"].children)
    later = Driver(TuningPanel(panel.session, chart="advice"), panel.session)
    assert len(later["advice"].children) == before
