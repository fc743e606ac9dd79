"""A model whose name is markup, runs the other way and has control characters: text in panel, charts and report."""

import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.lab import until
from tests.browser.notebook import Notebook
from tests.pasted.small_model import main as make

pytestmark = pytest.mark.browser

NAME = "<img src=x onerror=window.wbHacked=1>\u202eno\x1b[31m" + "long" * 20
OPEN = """
import pathlib
import workbench as wb
from workbench.widgets.tables import show
(folder,) = (each for each in pathlib.Path.cwd().iterdir() if each.name.startswith("<img"))
session = wb.Session(str(folder), config=wb.Config(dtype="float32", threads=1))
work = wb.Workload(prompt_tokens=16, new_tokens=4)
session.compare({"attention": "eager"}, {"attention": "sdpa"}, work, budget_s=2)
"""
PANEL = "panel = wb.widgets.TuningPanel(session, budget_s=2)\npanel"
SHOWN = """
from IPython.display import display
session.measure(work, budget_s=1)
display(session, show(session.facts), show(session.last["measurement"]), wb.charts.figure(session.last["comparison"]))
display(wb.charts.snapshot(session.runs.list(kind="measurement", limit=3)), show(session.forecast()))
"""
REPORT = "session.report('found', sign_off=True)"


@pytest.fixture(scope="module")
def panel(notebook: Notebook, tmp_path_factory: pytest.TempPathFactory) -> Notebook:
    made = tmp_path_factory.mktemp("model") / "plain"
    make(str(made))
    shutil.move(made, notebook.lab.root / NAME)
    notebook.open(notebook.lab.write("hostile.ipynb", [OPEN, SHOWN, REPORT, PANEL])).run_all()
    notebook.part("panel").wait_for()
    notebook.work(prompt_tokens=16, new_tokens=4)
    return notebook


def unharmed(panel: Notebook) -> None:
    assert panel.page.evaluate("window.wbHacked") is None
    assert panel.page.locator(".jp-Cell-outputArea img[src=x]").count() == 0
    shown = panel.page.evaluate("document.querySelector('.jp-Notebook').innerText")
    assert "\u202e" not in shown
    assert "\x1b" not in shown


def test_the_panel_shows_it_as_text_and_as_wide_as_it_is(panel: Notebook) -> None:
    expect(panel.part("title")).to_contain_text("<img src=x")
    unharmed(panel)
    points = panel.points()
    panel.click("measure")
    until(lambda: panel.points() == points + 1, 60, "a measurement")
    panel.idle()
    panel.click("knob-attention-eager")
    panel.says("ran", "eager")
    panel.idle()
    panel.click("compare")
    panel.says("comparison", "Decode")
    panel.idle()
    for tab in ("Memory", "Quality", "Compare", "Sweep", "History"):
        panel.tab(tab)
        panel.page.wait_for_timeout(200)
        unharmed(panel)
    wide = panel.page.evaluate(
        """() => { const panel = document.querySelector(".wb-panel"); return panel.scrollWidth - panel.clientWidth; }"""
    )
    assert wide <= 1
    panel.screenshot("hostile-name")


def test_tables_charts_and_snapshots_show_it_as_text(panel: Notebook) -> None:
    panel.page.locator(".jp-OutputArea-output").nth(2).scroll_into_view_if_needed()
    unharmed(panel)
    assert panel.page.locator(".jp-Cell-outputArea .js-plotly-plot").count() >= 3


@pytest.fixture
def served(panel: Notebook) -> Iterator[str]:
    """The report's folder, from a server that forbids its script nothing, as a person's disk does not."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(panel.lab.root / "found"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_report_shows_it_as_text(panel: Notebook, served: str) -> None:
    page = panel.page.context.new_page()
    try:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        address = f"{served}/report.html"
        page.goto(address)
        page.wait_for_timeout(500)
        assert page.evaluate("window.wbHacked") is None
        assert page.locator("img[src=x]").count() == 0
        assert page.locator(".js-plotly-plot").count() > 0
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, "it is as wide as the page"
        assert "<img src=x" in page.locator("body").inner_text()
        assert {url for url in asked if not url.startswith(("data:", "blob:"))} <= {address, f"{served}/favicon.ico"}
        page.screenshot(path=str(Path("build/screenshots/hostile-report.png")))
    finally:
        page.close()
