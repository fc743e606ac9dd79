"""Fewer bits in the browser: choose 4 bits, see the price, apply, judge, and read what it cost beside what it gave."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.lab import until
from tests.browser.notebook import Notebook

pytestmark = pytest.mark.browser

TINY = "random:deepseek-llm-7b-base?scale=tiny"
OPEN = f"""
import workbench as wb
session = wb.Session({TINY!r}, config=wb.Config(dtype="bfloat16"))
session.facts.name
"""
PANEL = """
panel = wb.widgets.TuningPanel(session, groups=["quantisation", "precision"], budget_s=3)
panel
"""


@pytest.fixture(scope="module")
def running(notebook: Notebook) -> Notebook:
    """The panel of notebook 03 on a tiny model, the tab of speed in front."""
    notebook.open(notebook.lab.write("bits.ipynb", [OPEN, PANEL])).run_all()
    notebook.part("panel").wait_for()
    notebook.theme("JupyterLab Light")
    notebook.page.set_viewport_size({"width": 1440, "height": 1900})  # for pictures of the whole panel
    notebook.work(prompt_tokens=32, new_tokens=8)
    notebook.tab("Quality")
    notebook.page.locator(".wb-suite select").select_option("short")
    notebook.tab("Speed")
    return notebook


def marks(panel: Notebook) -> int:
    """Candidates in the pane of memory, which knows them all."""
    return sum(len(trace["x"]) for trace in panel.chart("decision")[3::2])


def test_what_cannot_be_made_here_stays_grey_with_its_reason(running: Notebook) -> None:
    running.idle()
    expect(running.part("knob-quantization-gptq")).to_be_disabled()
    running.says("knob-quantization", "gptq")
    running.says("knob-bnb_double_quant", "has no effect")


def test_four_bits_tell_their_price_and_then_what_they_cost(running: Notebook) -> None:
    running.idle()
    running.says("judged", re.compile("^$"))
    running.click("knob-quantization-bnb-nf4")
    running.says("pending", re.compile("quantization auto→bnb-nf4.*forecast.*fits"))
    running.click("apply")
    running.says("ran", re.compile("bnb-nf4.*but.*of the weights were not quantised"), 60)
    running.idle()
    running.click("measure")
    running.says("last", re.compile("decode.*quality not judged yet"), 60)
    running.idle()
    running.click("quality")
    running.says("state", "judging quality")
    expect(running.part("stop")).to_be_enabled()
    running.says("judged", re.compile("bnb-nf4: .*KLD"), 180)
    running.says("last", re.compile("quality: bnb-nf4: .*KLD.*decode"))
    running.idle()
    until(lambda: marks(running) == 2, 10, "the reference and nf4")
    until(lambda: running.fits("decision") and running.fits("quality"), 10, "figures as wide as their tab")
    running.screenshot("quality-light")


def test_figures_fit_after_their_tab_was_away(running: Notebook) -> None:
    running.idle()
    running.tab("Speed")
    until(lambda: running.fits("speed"), 10, "the chart of speed")
    running.click("measure")  # a new point in the chart that decides, whose tab is not in front
    running.idle()
    running.tab("Memory")
    until(lambda: running.fits("memory"), 10, "the chart of memory")
    running.tab("Quality")
    until(lambda: running.fits("decision") and running.fits("quality"), 10, "figures as wide as their tab")


def test_domains_and_answers_unfold_and_the_dark_theme_is_readable(running: Notebook) -> None:
    running.idle()
    headers = running.page.locator(".wb-quality-more .wb-fold-head")
    until(
        lambda: sum(len(trace["y"]) for trace in running.chart("quality")[1:]) == 8, 10, "domains, whole, decode path"
    )
    headers.filter(has_text="By domain").click()
    running.says("quality-table", "Chinese, full-width punctuation")
    running.screenshot("domains-light")
    headers.filter(has_text="Answers side by side").click()
    expect(running.page.locator(".wb-diff-row").first).to_contain_text("part at token")
    running.screenshot("answers-light")
    running.theme("JupyterLab Dark")
    running.screenshot("answers-dark")
    headers.filter(has_text="By domain").click()
    running.screenshot("domains-dark")
    running.theme("JupyterLab Light")


def test_bytes_are_counted_and_modules_ranked(running: Notebook) -> None:
    running.idle()
    running.click("sensitivity")
    running.says("modules", re.compile("KLD|None"), 120)
    running.idle()
    running.screenshot("sensitivity-light")
    running.tab("Memory")
    running.click("census")
    until(lambda: sum(value for bar in running.chart("census") for value in bar["x"]) > 1, 30, "bytes by part")
    running.says("ran", re.compile("but.*were not quantised: "))
    running.idle()
    running.screenshot("census-light")
