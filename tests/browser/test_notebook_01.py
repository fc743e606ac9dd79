"""Notebook 01 as it is, with the demo model: Run All, then the panel by hand, in the light and the dark theme."""

import re

import pytest

from tests.browser.lab import ROOT, until
from tests.browser.notebook import Notebook

pytestmark = pytest.mark.browser


@pytest.mark.timeout(400)
def test_run_all_then_measure_in_light_and_dark(notebook: Notebook) -> None:
    notebook.open(notebook.lab.add(ROOT / "notebooks" / "01_environment.ipynb"))
    notebook.run_all(240)
    notebook.part("panel").scroll_into_view_if_needed()
    notebook.idle()
    notebook.says("ran", "sdpa")
    # the work of the cell above, so that the chart compares like with like
    for field, value in (("work-prompt_tokens", 256), ("work-new_tokens", 8), ("budget", 12)):
        entry = notebook.page.locator(f".wb-{field} input")
        entry.fill(str(value))
        entry.press("Enter")
    for attention in ("eager", "sdpa"):
        points = notebook.points()
        notebook.click(f"knob-attention-{attention}")
        notebook.says("ran", attention)
        notebook.idle()
        notebook.click("measure")
        until(lambda points=points: notebook.points() == points + 1, 120, "a new point")
        notebook.idle()
    notebook.click("generate")
    notebook.says("rate", re.compile("tok/s"))
    notebook.idle(60)
    notebook.click("metric-prefill_tps")
    until(lambda: notebook.points() == points + 1, 10, "the other metric")
    notebook.screenshot("panel-light")
    notebook.theme("JupyterLab Dark")
    notebook.screenshot("panel-dark")


def test_the_watch_on_requests_is_not_blind(notebook: Notebook) -> None:
    """The panel and the chart above were drawn without the outside; a script from a CDN would have been noticed."""
    assert any(url.startswith("ws://127.0.0.1") for url in notebook.seen)
    address = "https://cdn.example.org/plotly.min.js"
    notebook.page.evaluate("address => fetch(address).then(() => 'reached', () => 'refused')", address)
    assert notebook.foreign_requests == [address]
    notebook.requests.clear()
    notebook.errors.clear()  # the browser reports the failed load
