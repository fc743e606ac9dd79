"""The tabs Advice and Sweep of the panel: what they say before a click, what a click does, what came of it."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.lab import until
from tests.browser.notebook import Notebook

pytestmark = pytest.mark.browser

TINY = "random:deepseek-llm-7b-base?scale=tiny"
OPEN = f"""
import workbench as wb
session = wb.Session({TINY!r}, config=wb.Config(sdpa_backend="math", dtype="float32", threads=1))
session.facts.name
"""
PANEL = 'panel = wb.widgets.TuningPanel(session, chart="advice", budget_s=2)\npanel'


@pytest.fixture(scope="module")
def panel(notebook: Notebook) -> Notebook:
    notebook.page.set_viewport_size({"width": 1440, "height": 1900})
    notebook.open(notebook.lab.write("advice.ipynb", [OPEN, PANEL])).run_all()
    notebook.part("panel").wait_for()
    notebook.theme("JupyterLab Light")
    notebook.work(prompt_tokens=64, new_tokens=8)
    notebook.idle()
    return notebook


def test_advice_names_a_cause_and_its_cure(panel: Notebook) -> None:
    panel.click("advise")
    panel.says("finding-math_attention", re.compile("math kernel"), 120)
    panel.idle()
    panel.says("finding-math_attention", re.compile(r"session\.apply\(sdpa_backend='auto'\)"))
    expect(panel.part("try-math_attention")).to_be_enabled()
    panel.screenshot("advice-light")


def test_a_click_tries_the_cure_and_tells_what_it_gained(panel: Notebook) -> None:
    panel.click("try-math_attention")
    panel.says("state", re.compile("comparing"), 20)
    panel.idle(120)
    panel.says("finding-math_attention", re.compile(r"expected .*×.*(got|no difference seen|shared).*\[\d"), 20)
    said = panel.text("finding-math_attention")
    assert "sdpa_backend" not in panel.text("asked") or "worse" in said, said
    panel.theme("JupyterLab Dark")
    panel.screenshot("advice-dark")
    panel.theme("JupyterLab Light")


def test_the_tab_tells_what_a_choice_comes_to_before_it_starts(panel: Notebook) -> None:
    panel.tab("Sweep")
    panel.says("sweep-plan", re.compile("configurations in 1 loads"))
    expect(panel.part("sweep-knob-attention")).to_contain_text("•")
    panel.says("sweep-rows", re.compile("flash_attention_2.*GPU"))
    panel.click("sweep-knob-dtype")
    panel.says("sweep-plan", re.compile(r"configurations in [2-9] loads"))
    for value in ("float16", "auto"):  # those without a remark on this machine are chosen at first
        if "•" in panel.text(f"sweep-dtype-{value}"):
            panel.click(f"sweep-dtype-{value}")
    panel.says("sweep-plan", re.compile(r"configurations in 2 loads"))
    panel.screenshot("sweep-tab-light")


def test_a_limit_that_is_none_is_refused_where_it_is_typed(panel: Notebook) -> None:
    field = panel.page.locator(".wb-sweep-peak input")
    field.fill("8 parsecs")
    field.press("Enter")
    panel.says("error", re.compile("parsecs.*no limit of peak_bytes"))
    field.fill("8 GiB")
    field.press("Enter")


def test_the_resident_model_makes_room_and_comes_back(panel: Notebook) -> None:
    (before,) = panel.lab.workers()
    panel.page.locator(".wb-sweep-budget input").fill("300")
    panel.click("sweep-start")
    panel.says("state", re.compile("sweeping"))
    until(lambda: sum(len(trace["x"]) for trace in panel.chart("sweep")[:-1]) >= 2, 120, "points while it runs")
    assert not before.is_running()
    assert panel.fits("sweep")
    expect(panel.part("measure")).to_be_disabled()
    panel.screenshot("sweep-tab-running")
    panel.click("sweep-stop")
    panel.says("sweep-now", "stopped", 10)
    panel.idle(60)
    until(lambda: len(panel.lab.workers()) == 1, 30, "the session's own worker alone")
    panel.says("sweep-result", re.compile("Best"))
    panel.theme("JupyterLab Dark")
    panel.screenshot("sweep-tab-dark")
    panel.theme("JupyterLab Light")
    panel.page.set_viewport_size({"width": 900, "height": 2600})
    panel.page.wait_for_timeout(600)
    panel.screenshot("sweep-tab-900")
    panel.page.set_viewport_size({"width": 1440, "height": 1900})
    panel.click("sweep-apply")
    panel.idle(60)
