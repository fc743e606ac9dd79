"""The proof in the browser: a toggle empties the proof line, Trace fills it, Compare shows a verdict and a chart."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.lab import until
from tests.browser.notebook import Notebook

pytestmark = pytest.mark.browser

TINY = "random:deepseek-llm-7b-base?scale=tiny"
OPEN = f"""
import workbench as wb
session = wb.Session({TINY!r}, config=wb.Config(dtype="float32"))
session.facts.name
"""
PANEL = """
panel = wb.widgets.TuningPanel(session, groups=["attention", "decoding"], chart="compare", budget_s=3)
panel
"""


@pytest.fixture(scope="module")
def running(notebook: Notebook) -> Notebook:
    """The panel of notebook 02 on a tiny model."""
    notebook.open(notebook.lab.write("proof.ipynb", [OPEN, PANEL])).run_all()
    notebook.part("panel").wait_for()
    notebook.theme("JupyterLab Light")
    notebook.page.set_viewport_size({"width": 1440, "height": 1500})  # for pictures of the whole panel
    notebook.work(prompt_tokens=64, new_tokens=8)
    return notebook


def shares(panel: Notebook) -> float:
    return sum(value for bar in panel.chart("trace") for value in bar["x"])


def judged(panel: Notebook) -> int:
    """How many metrics have a point in the chart of the comparison."""
    return sum(len(trace["y"]) for trace in panel.chart("compare") if "difference seen" in trace["name"])


def test_a_greyed_choice_shows_its_reason_and_unfolds_the_way_out(running: Notebook) -> None:
    running.idle()
    expect(running.part("knob-attention-flash_attention_2")).to_be_disabled()
    reason = running.part("knob-attention").locator("summary", has_text="flash_attention_2")
    expect(reason).to_contain_text("needs a CUDA GPU")
    remedy = reason.locator("xpath=..")
    assert not remedy.evaluate("details => details.open")
    reason.click()
    expect(remedy).to_contain_text("NVIDIA GPU")
    assert remedy.evaluate("details => details.open")
    running.says("knob-compile", re.compile("default.*compiles at the first call"))
    running.says("knob-cache_bits", "has no effect")


def test_a_toggle_changes_the_proof_line_and_trace_fills_it(running: Notebook) -> None:
    running.idle()
    running.says("ran", "kernel not traced yet")
    running.click("trace")
    running.says("ran", re.compile("sdpa → CPU flash kernel"), 60)
    until(lambda: shares(running) > 190, 10, "the bars of prefill and decode")  # each is 100 %
    running.says("traced", "_scaled_dot_product_flash_attention_for_cpu")
    running.idle()
    running.click("knob-attention-eager")
    running.says("ran", re.compile(r"eager \(kernel not traced yet\)"))
    running.idle()
    running.click("trace")
    running.says("ran", "separate matmul and softmax", 60)
    running.says("trace-why", "Why eager differs from sdpa")
    running.idle()
    running.screenshot("trace-light")


def test_compare_shows_a_verdict_and_a_chart(running: Notebook) -> None:
    running.idle()
    running.says("sides", "attention sdpa→eager")
    running.click("compare")
    running.says("state", "comparing")
    expect(running.part("stop")).to_be_enabled()
    running.says("last", re.compile("at prefill"), 90)
    running.says("last", re.compile("at decode"))
    running.says("comparison", re.compile("(at prefill|at decode).*by chance"))
    until(lambda: judged(running) == 3, 10, "a point for prefill, decode and end to end")
    running.idle()
    assert "eager" in running.text("ran")  # what was in force is in force again
    running.screenshot("compare-light")
    running.theme("JupyterLab Dark")
    running.screenshot("compare-dark")
    running.tab("Trace")
    running.screenshot("trace-dark")
    running.theme("JupyterLab Light")


def test_a_price_is_told_before_weights_are_loaded_for_a_comparison(running: Notebook) -> None:
    running.idle()
    running.page.locator(".wb-more .wb-fold-head", has_text="Precision").click()
    running.click("knob-dtype-bfloat16")
    running.says("sides", "dtype float32→bfloat16")
    expect(running.part("offer")).to_be_hidden()
    running.click("compare")
    running.says("price", re.compile("load"))
    expect(running.part("compare-quick")).to_be_visible()
    running.screenshot("price-light")
    running.click("compare-not")
    expect(running.part("offer")).to_be_hidden()
    running.click("discard")


def test_the_length_is_scanned_from_its_tab(running: Notebook) -> None:
    running.idle()
    running.tab("Scan")
    expect(running.part("scan-prompt_tokens")).to_have_text(re.compile("• prompt length"))
    running.click("scan")
    running.says("scanned", re.compile("budget|longest prompt|all values"), 90)
    until(lambda: running.points("scan") >= 4, 10, "prefill and decode of both")
    running.idle()
    running.screenshot("scan-light")


def test_the_batch_is_scanned_there_too(running: Notebook) -> None:
    running.idle()
    running.click("scan-batch_size")
    running.click("scan")
    running.says("scanned", re.compile("knee|budget"), 90)
    until(lambda: running.points("scan") >= 3, 10, "throughput and both latencies")
    running.idle()
    running.screenshot("batch-scan-light")
