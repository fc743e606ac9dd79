"""Cards of tips in the browser: predict, test, what was found, in light and dark; nothing of ours in the console."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.notebook import Notebook

pytestmark = pytest.mark.browser

TINY = "random:deepseek-llm-7b-base?scale=tiny"
OPEN = f"""
import workbench as wb
session = wb.Session({TINY!r}, config=wb.Config(dtype="float32"))
session.facts.name
"""
CARDS = """
cards = wb.widgets.TipCards(session, "S1-4", "S0-19", "S0-20", "S1-10")
cards
"""


def test_a_claim_is_predicted_tested_and_told(notebook: Notebook) -> None:
    notebook.open(notebook.lab.write("tips.ipynb", [OPEN, CARDS])).run_all()
    notebook.part("tip-cards").wait_for()
    notebook.theme("JupyterLab Light")
    notebook.page.set_viewport_size({"width": 1100, "height": 1500})
    notebook.click("predict-S0-19-holds")
    notebook.click("predict-S0-20-depends")
    expect(notebook.part("predict-S0-20-depends")).to_contain_text("• depends")
    expect(notebook.part("run-S1-4")).to_be_disabled()  # nothing is expected of it yet
    notebook.says("tips-said", "Predict 2 more to test all.")
    notebook.click("predict-S1-4-holds")
    notebook.click("predict-S1-10-holds")
    notebook.picture("tips-predicted")
    notebook.click("run-tips")
    notebook.says("tips-said", "4 of 4 tested. 1 of 3 predictions were right.", timeout_s=120)
    notebook.says("tip-S0-19", re.compile("does not hold.*Predicted was: holds.*Instead:", re.DOTALL))
    notebook.says("tip-S1-10", "cannot be tested here")
    expect(notebook.part("stop-tips")).to_be_disabled()
    expect(notebook.part("predict-S0-19-depends")).to_be_disabled()
    notebook.page.wait_for_timeout(300)
    notebook.picture("tips-tested")
    notebook.theme("JupyterLab Dark")
    notebook.page.set_viewport_size({"width": 900, "height": 1500})
    notebook.page.wait_for_timeout(300)
    notebook.picture("tips-tested-dark-narrow")
    assert notebook.foreign_requests == []
