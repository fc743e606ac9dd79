"""The panel as a person meets it: clicks in Chromium, answers read from the page."""

import re

import psutil
import pytest
from playwright.sync_api import expect

from tests.browser.lab import until
from tests.browser.notebook import Notebook

pytestmark = pytest.mark.browser

TINY = "random:deepseek-llm-7b-base?scale=tiny"
OPEN = f"""
import workbench as wb
session = wb.Session({TINY!r}, config=wb.Config(attention="eager", dtype="float32"))
session.facts.name
"""
PANEL = "panel = wb.widgets.TuningPanel(session, budget_s=4)\npanel"


@pytest.fixture(scope="module")
def running(notebook: Notebook) -> Notebook:
    """A notebook with the panel on a tiny model."""
    notebook.open(notebook.lab.write("panel.ipynb", [OPEN, PANEL])).run_all()
    notebook.part("panel").wait_for()
    return notebook


@pytest.fixture
def panel(running: Notebook) -> Notebook:
    """The panel at rest, with attention eager."""
    running.idle()
    running.click("knob-attention-eager")
    running.says("ran", "eager")
    running.idle()
    return running


def test_a_toggle_changes_what_is_asked_and_what_ran(panel: Notebook) -> None:
    assert "eager" in panel.text("asked")
    assert "eager" in panel.text("ran")
    panel.click("knob-attention-sdpa")
    panel.says("asked", "sdpa")
    panel.says("ran", "sdpa")
    expect(panel.part("knob-attention-sdpa")).to_contain_text("•")
    assert "eager" not in panel.text("ran")
    panel.idle()


def test_measuring_adds_a_point_and_a_toggle_another(panel: Notebook) -> None:
    panel.work(prompt_tokens=32, new_tokens=8)
    points = panel.points()
    panel.click("measure")
    until(lambda: panel.points() == points + 1, 60, "the first point")
    panel.idle()
    panel.says("last", re.compile(r"tok/s"))
    panel.click("knob-attention-sdpa")
    panel.says("ran", "sdpa")
    panel.idle()
    panel.click("measure")
    until(lambda: panel.points() == points + 2, 60, "the second point")
    panel.idle()
    values = [value for trace in panel.chart("speed") if "limit" not in trace["name"] for value in trace["y"]]
    assert all(value > 0 for value in values if value is not None)


def test_stop_ends_a_measurement_and_the_panel_stays_usable(panel: Notebook) -> None:
    points = panel.points()
    panel.work(prompt_tokens=16, new_tokens=1500)
    panel.click("measure")
    panel.says("state", re.compile("measuring"))
    expect(panel.part("stop")).to_be_enabled()
    expect(panel.part("measure")).to_be_disabled()
    panel.click("stop")
    panel.idle(15)
    panel.says("status", re.compile("[Ss]topped"))
    assert panel.points() == points
    expect(panel.part("stop")).to_be_disabled()
    panel.work(prompt_tokens=32, new_tokens=8)
    panel.click("measure")
    until(lambda: panel.points() == points + 1, 60, "a measurement after the stop")


def test_a_reload_waits_for_apply(panel: Notebook) -> None:
    panel.click("knob-dtype-bfloat16")
    panel.says("pending", "bfloat16")
    assert "bfloat16" not in panel.text("ran")
    panel.click("apply")
    panel.says("ran", "bfloat16")
    panel.idle()
    expect(panel.part("apply")).to_be_disabled()


def test_an_error_is_shown_and_the_control_put_back(panel: Notebook) -> None:
    page = panel.page
    page.locator(".wb-more .wb-fold-head", has_text="Tokens").click()
    field = page.locator(".wb-knob-pad_token-field input")
    before = field.input_value()
    field.fill("99999999")
    field.press("Enter")
    panel.says("error", re.compile("99999999"))
    expect(field).to_have_value(before)
    panel.idle()
    panel.click("knob-attention-sdpa")  # and the next click works, and takes the error away
    panel.says("ran", "sdpa")
    expect(panel.part("error")).to_be_hidden()


def test_generated_text_streams_into_the_panel(panel: Notebook) -> None:
    panel.page.locator(".wb-new-tokens input").fill("12")
    panel.page.locator(".wb-prompt textarea").fill("The sea")
    panel.click("generate")
    panel.says("rate", re.compile("12 tokens"))
    panel.idle()


def test_a_dead_worker_is_told_and_the_panel_stays_usable(panel: Notebook) -> None:
    (worker,) = panel.lab.workers()
    points = panel.points()
    panel.work(prompt_tokens=16, new_tokens=1500)
    panel.click("measure")
    panel.says("state", re.compile("measuring"))
    worker.kill()
    panel.says("error", re.compile("."))
    panel.idle(60)
    panel.work(prompt_tokens=32, new_tokens=8)
    panel.click("measure")
    until(lambda: panel.points() == points + 1, 60, "a measurement with the new worker")


def test_a_restarted_kernel_leaves_no_worker_and_runs_again(panel: Notebook) -> None:
    (before,) = panel.lab.workers()
    panel.restart_kernel()
    until(lambda: not before.is_running() or before.status() == psutil.STATUS_ZOMBIE, 15, "the old worker to end")
    panel.forget_run()
    panel.run_all()
    panel.part("panel").wait_for()
    panel.idle()
    (after,) = panel.lab.workers()
    assert after.pid != before.pid


def test_a_killed_kernel_takes_its_worker_along(panel: Notebook) -> None:
    (worker,) = panel.lab.workers()
    (kernel,) = panel.lab.kernels()
    panel.watch_connection()
    kernel.kill()
    until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE, 15, "the worker to end")
    panel.wait_connected(60)  # to the kernel that JupyterLab starts again
    dialog = panel.page.locator(".jp-Dialog .jp-mod-accept")
    if dialog.is_visible():
        dialog.click()
