"""The way home as a person takes it: Export, Copy, and what is then in the clipboard; Verify says whether it holds."""

import ast
import re

import pytest
from playwright.sync_api import expect

from tests.browser.notebook import Notebook

pytestmark = pytest.mark.browser

OPEN = """
from pathlib import Path
import workbench as wb
session = wb.Session("demo", config=wb.Config(dtype="float32", threads=1))
session.facts.name
"""
PANEL = "panel = wb.widgets.TuningPanel(session, budget_s=4)\npanel"
WRITE = "Path('exported.py').write_text(session.export().code, encoding='utf-8')"


@pytest.fixture(scope="module")
def running(notebook: Notebook) -> Notebook:
    """A notebook with the panel on the demo model, and what its session exports in a file beside it."""
    notebook.page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=notebook.lab.url)
    notebook.open(notebook.lab.write("export.ipynb", [OPEN, PANEL, WRITE])).run_all()
    notebook.part("panel").wait_for()
    notebook.idle()
    notebook.click("export")
    notebook.part("snippet").wait_for()
    return notebook


def test_the_clipboard_has_what_the_session_exports(running: Notebook) -> None:
    exported = (running.lab.root / "exported.py").read_text(encoding="utf-8")
    assert running.page.locator("pre.wb-code").first.text_content() == exported
    running.click("copy")
    expect(running.part("copy")).to_have_text("Copied")
    copied = running.page.evaluate("navigator.clipboard.readText()")
    assert copied.replace("\r\n", "\n") == exported
    ast.parse(copied)
    assert "workbench" not in {node.names[0].name for node in ast.parse(copied).body if isinstance(node, ast.Import)}


@pytest.mark.slow
def test_verify_says_in_words_what_came_of_it(running: Notebook) -> None:
    running.click("verify")
    running.says("state", re.compile("comparing"))
    running.says("verified", re.compile("greedy tokens of 4 prompts are identical"), timeout_s=280)
    running.says("verified", "fails there, as it must")
    running.idle()
