"""A sweep in the browser: the chart fills while it runs, Stop leaves no worker, the winner goes home."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.lab import until
from tests.browser.notebook import Notebook

pytestmark = pytest.mark.browser

OPEN = """
import workbench as wb
base = wb.Config(dtype="float32", threads=1, device="cpu")
space = {"attention": ["sdpa", "eager"], "dtype": ["float32", "bfloat16"], "threads": [1]}
work = wb.Workload(prompt_tokens=32, new_tokens=8)
session = wb.Session("demo", config=base)
session.facts.name
"""
SWEEP = """
sweeping = wb.widgets.SweepPanel(session, space, workload=work, precision=0.0001, budget_s=600)
sweeping
"""


@pytest.fixture(scope="module")
def running(notebook: Notebook) -> Notebook:
    """A sweep that goes on until somebody stops it, above the panel of the same session."""
    notebook.page.set_viewport_size({"width": 1440, "height": 1900})
    notebook.open(notebook.lab.write("sweep.ipynb", [OPEN, SWEEP])).run_all()
    notebook.part("sweep-panel").wait_for()
    notebook.theme("JupyterLab Light")
    return notebook


def places(notebook: Notebook) -> int:
    """Measured configurations in the chart."""
    return sum(len(trace["x"]) for trace in notebook.chart("sweep")[:-1])


def test_the_chart_fills_while_it_runs(running: Notebook) -> None:
    until(lambda: places(running) == 2, 120, "the configurations of the first load")
    running.picture("sweep-running")
    until(lambda: places(running) == 4, 120, "those of the second")
    expect(running.part("sweep-stop")).to_be_enabled()
    expect(running.part("sweep-start")).to_be_disabled()
    running.says("sweep-numbers", re.compile(r"of 4.*elapsed.*best so far.*tok/s"))
    running.says("sweep-field", re.compile("leads"))
    assert running.fits("sweep")
    assert len(running.lab.workers()) >= 1


def test_stop_ends_it_at_once_and_the_session_has_its_model_again(running: Notebook) -> None:
    running.click("sweep-stop")
    running.says("sweep-now", re.compile("stopped"), 10)
    until(lambda: len(running.lab.workers()) == 1, 60, "the session's own worker alone")
    running.says("sweep-result", re.compile("Best.*Not beaten in.*ended by stopped", re.S))
    running.picture("sweep-stopped-light")
    running.theme("JupyterLab Dark")
    running.picture("sweep-stopped-dark")
    running.theme("JupyterLab Light")
    running.page.set_viewport_size({"width": 900, "height": 1900})
    running.page.wait_for_timeout(600)
    running.picture("sweep-stopped-900")
    running.page.set_viewport_size({"width": 1440, "height": 1900})


def test_the_winner_goes_home(running: Notebook) -> None:
    running.click("sweep-export")
    running.says("sweep-snippet", re.compile("from_pretrained"))
    running.picture("sweep-export")
    running.click("sweep-export")
    expect(running.part("sweep-snippet")).to_be_hidden()
    running.click("sweep-apply")
    running.says("status", re.compile("live|reload"), 60)
