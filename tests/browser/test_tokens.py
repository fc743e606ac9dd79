"""The tab of tokens in Chromium: the table, a wrong end token told in words, and Repair."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.notebook import Notebook

pytestmark = pytest.mark.browser

OPEN = """
import workbench as wb
session = wb.Session("random:deepseek-llm-7b-base?scale=tiny&layers=2", config=wb.Config(dtype="float32", threads=1))
panel = wb.widgets.TuningPanel(session, groups=["tokens"], chart="tokens")
panel
"""


def test_a_wrong_end_token_is_told_and_repair_puts_it_right(notebook: Notebook) -> None:
    notebook.open(notebook.lab.write("tokens.ipynb", [OPEN])).run_all()
    notebook.part("panel").wait_for()
    notebook.idle()
    expect(notebook.part("repair")).to_be_disabled()
    field = notebook.page.locator(".wb-knob-eos_token_ids-field input")
    field.fill("32000")
    field.press("Enter")
    notebook.idle()
    notebook.click("tokens")
    notebook.says("aligned", re.compile("WRONG: end token 32000 is ordinary text"))
    notebook.idle()
    assert "<|im_end|>" in notebook.text("token-ids")
    assert "generation_config.json" in notebook.text("token-ids")
    expect(notebook.part("repair")).to_be_enabled()
    notebook.click("repair")
    notebook.says("aligned", re.compile("^aligned"))
    notebook.idle()
    assert "eos_token_ids 32000 → auto" in notebook.text("token-findings")
    expect(notebook.part("repair")).to_be_disabled()
