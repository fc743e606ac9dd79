"""The tab of tokens on a real model: what is wrong is told, Repair puts it right, foreign text stays text."""

import html

import pytest

from tests.widgets.conftest import Driver
from workbench.widgets import TuningPanel

pytestmark = pytest.mark.model


def test_a_wrong_end_is_told_and_repair_puts_it_right(panel: Driver) -> None:
    assert panel["repair"].disabled
    panel.press("tokens")
    assert panel["tabs"].titles[panel["tabs"].selected_index] == "Tokens"
    assert "aligned" in panel["aligned"].value
    assert "&lt;|im_end|&gt;" in panel["token-ids"].value
    assert "tokens checked in" in panel["status"].value
    assert panel["repair"].disabled  # nothing to repair

    panel.session.apply(eos_token_ids=(32000,), padding_side="right")
    panel.idle()
    assert "of another configuration" in panel["aligned"].value
    panel.press("tokens")
    said = html.unescape(panel["token-findings"].value)
    assert "end token 32000 is ordinary text ('ertools')" in said
    assert "a decoder-only model continues from padding" in said
    assert "padding_side=right (in force): " in panel["token-tried"].value
    assert "Repair would set" in said
    panel.press("repair")
    assert panel.session.resolved.eos_token_ids == (2,)
    assert panel.session.resolved.padding_side == "left"
    said = html.unescape(panel["token-findings"].value)
    assert "repaired: eos_token_ids 32000 → auto, padding_side right → left" in said
    assert panel["repair"].disabled

    later = Driver(TuningPanel(panel.session, chart="tokens"), panel.session)  # knows what was found before
    assert later["aligned"].value == panel["aligned"].value
    later.panel.close()


def test_a_templates_text_is_never_markup(panel: Driver) -> None:
    tokenizer = panel.session.tokenizer
    before = tokenizer.chat_template
    tokenizer.chat_template = "{{ raise_exception('<img src=x onerror=alert(1)>') }}"
    try:
        panel.press("tokens")
    finally:
        tokenizer.chat_template = before
    assert "does not render" in panel["token-findings"].value
    assert "<img" not in panel.html()
