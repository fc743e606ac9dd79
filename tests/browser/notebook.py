"""A notebook open in JupyterLab, with handles for tests: open, run, click, read.

Nothing here looks at pixels; text and chart data are read from the page.
"""

import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Locator, Page, Request, expect, sync_playwright

from tests.browser.lab import CHROMIUM_ARGUMENTS, ROOT, Lab, chromium, until
from workbench.home import home

SCREENSHOTS = ROOT / "build" / "screenshots"
# What JupyterLab itself says at the level of an error, whatever notebook is open.
NOT_OURS: tuple[str, ...] = ()


class Notebook:
    """One notebook open in a page, and what the page said and asked for meanwhile."""

    def __init__(self, lab: Lab, page: Page) -> None:
        self.lab = lab
        self.page = page
        self.errors: list[str] = []
        self.requests: list[str] = []  # since the last test
        self.seen: set[str] = set()
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))
        page.context.on("request", self._asked)  # the page's, and those of its workers and of pages that it opens
        page.on("websocket", lambda socket: self._noted(socket.url))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(part in message.text for part in NOT_OURS):
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")

    def _asked(self, request: Request) -> None:
        self._noted(request.url)

    def _noted(self, url: str) -> None:
        self.requests.append(url)
        self.seen.add(url)

    @property
    def foreign_requests(self) -> list[str]:
        """Addresses asked for that are not this machine's."""
        return [
            url
            for url in self.requests
            if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).hostname not in ("127.0.0.1", "localhost")
        ]

    def open(self, name: str) -> Self:
        self.page.goto(f"{self.lab.url}/lab/tree/{name}?reset")
        self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell").first.wait_for(timeout=60_000)
        # The cell's own mark says idle before there is a kernel; Run All would then open a dialog.
        expect(self.page.locator("#jp-main-statusbar")).to_contain_text("| Idle", timeout=60_000)
        return self

    def work(self, **fields: int) -> None:
        """Type the work that a panel measures: prompt_tokens, new_tokens, batch_size."""
        for field, value in fields.items():
            entry = self.page.locator(f".wb-work-{field} input")
            entry.fill(str(value))
            entry.press("Enter")

    def menu(self, bar: str, item: str) -> None:
        self.page.locator(".lm-MenuBar-itemLabel", has_text=re.compile(f"^{bar}$")).click()
        self.page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{item}$")).click()

    def run_all(self, timeout_s: float = 120) -> Self:
        self.menu("Run", "Run All Cells")
        return self.wait_run(timeout_s)

    def wait_run(self, timeout_s: float) -> Self:
        """Until every code cell has a number; an error in a cell ends the wait."""

        def done() -> bool:
            cells = self.cells()
            failed = [cell for cell in cells if cell["error"]]
            if failed:
                raise AssertionError(f"cell failed: {failed[0]['error']}\n{failed[0]['source']}")
            return all(cell["count"] is not None for cell in cells) and not self._busy()

        until(done, timeout_s, "every cell to run")
        return self

    def cells(self) -> list[dict[str, Any]]:
        """The code cells: source, execution count, and the error if there was one. From the model: JupyterLab leaves
        cells that are out of sight out of the page."""
        found: list[dict[str, Any]] = self.page.evaluate(
            """() => {
              const cells = Array.from(jupyterapp.shell.currentWidget.content.model.cells);
              return cells.filter((cell) => cell.type === "code").map((cell) => {
                const outputs = cell.outputs.toJSON();
                const failed = outputs.find((output) => output.output_type === "error");
                return { source: cell.sharedModel.getSource(), count: cell.executionCount,
                         error: failed ? failed.ename + ": " + failed.evalue : null };
              });
            }"""
        )
        return found

    def _busy(self) -> bool:
        return self.kernel_status() != "idle"

    def kernel_status(self) -> str:
        status = self.page.evaluate("jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status ?? 'none'")
        return str(status)

    def restart_kernel(self, timeout_s: float = 60) -> None:
        """As a person does, until the page is connected to the new kernel and that has answered."""
        self.watch_connection()
        self.menu("Kernel", "Restart Kernel…")
        self.page.locator(".jp-Dialog .jp-mod-accept").click()
        self.wait_connected(timeout_s)

    def watch_connection(self) -> None:
        """Before something ends the kernel: the next connection that the page makes can then be waited for."""
        self.page.evaluate(
            """() => {
              const context = jupyterapp.shell.currentWidget.sessionContext;
              window.kernelConnected = false;
              const noted = (_, status) => {
                if (status !== "connected") return;
                window.kernelConnected = true;
                context.connectionStatusChanged.disconnect(noted);
              };
              context.connectionStatusChanged.connect(noted);
            }"""
        )

    def wait_connected(self, timeout_s: float) -> None:
        """Until the page has connected anew and the kernel has answered.

        The status alone is true too early: what the old kernel still answers while it is being ended makes it idle. A
        cell run then waits in the page before what asks the new kernel for its widgets.
        """
        until(
            lambda: self.page.evaluate("window.kernelConnected") and self.kernel_status() == "idle",
            timeout_s,
            "a connection to the new kernel",
        )

    def shut_down(self) -> None:
        """End the notebook's kernel, without saving."""
        self.page.evaluate("jupyterapp.shell.currentWidget?.sessionContext?.shutdown()")
        until(lambda: not self.lab.kernels(), 15, "the kernel to end")

    def forget_run(self) -> None:
        """Clear the numbers of the cells, so that the next run can be waited for."""
        self.page.evaluate("jupyterapp.commands.execute('editmenu:clear-all')")

    def theme(self, name: str) -> None:
        self.page.evaluate(f"jupyterapp.commands.execute('apputils:change-theme', {{ theme: {name!r} }})")
        light = str("Light" in name).lower()
        self.page.wait_for_function(f"document.body.dataset.jpThemeLight === '{light}'")
        self.page.wait_for_timeout(500)  # style sheets and the figures' own redraw

    # --- the panel

    def part(self, name: str) -> Locator:
        """A part of the panel by its class, without the prefix."""
        if name == "panel":  # the live chart wears the same style
            return self.page.locator(".wb-panel:not(.wb-live):not(.wb-picker)").first
        return self.page.locator(f".wb-{name}").first

    def click(self, name: str) -> None:
        self.part(name).click()

    def text(self, name: str) -> str:
        return " ".join((self.part(name).text_content() or "").split())

    def says(self, name: str, wanted: str | re.Pattern[str], timeout_s: float = 30) -> None:
        expect(self.part(name)).to_contain_text(wanted, timeout=timeout_s * 1000)

    def idle(self, timeout_s: float = 60) -> None:
        self.says("state", "idle", timeout_s)

    def chart(self, name: str) -> list[dict[str, Any]]:
        """The traces of a chart: name, x, y and the error bars."""
        traces: list[dict[str, Any]] = self.page.evaluate(
            """(name) => {
              const figure = document.querySelector(`.wb-chart-${name} .js-plotly-plot`)
                || document.querySelector(`.wb-chart-${name}.js-plotly-plot`);
              if (!figure || !figure.data) return [];
              const list = (values) => Array.from(values || []);
              return figure.data.map((trace) => ({ name: trace.name, x: list(trace.x), y: list(trace.y) }));
            }""",
            name,
        )
        return traces

    def fits(self, name: str) -> bool:
        """Whether a chart is in sight and as wide as its room: plotly makes one out of sight 100 px wide, empty."""
        return bool(
            self.page.evaluate(
                """(name) => {
                  const chart = document.querySelector(`.wb-chart-${name}`);
                  const drawn = chart && chart.querySelector(".main-svg");
                  if (!drawn) return false;
                  const room = chart.clientWidth;
                  return room > 200 && Math.abs(drawn.getBoundingClientRect().width - room) < 3;
                }""",
                name,
            )
        )

    def points(self, name: str = "speed") -> int:
        """How many measured points a chart shows (the traces of limits have none of their own)."""
        measured = [trace for trace in self.chart(name) if trace["name"] and "limit" not in trace["name"]]
        return sum(len([value for value in trace["y"] if value is not None]) for trace in measured)

    def picture(self, name: str) -> Path:
        """The whole page, for whoever looks into a failure."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        self.page.screenshot(path=path)
        return path

    def tab(self, title: str) -> None:
        self.page.locator(".wb-tabs .lm-TabBar-tabLabel", has_text=re.compile(f"^{title}$")).click()

    def screenshot(self, name: str) -> Path:
        """The panel alone."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        self.page.mouse.move(0, 0)  # nothing hovered
        panel = self.part("panel")
        panel.scroll_into_view_if_needed()
        panel.screenshot(path=path)
        return path


@contextmanager
def opened(cells: Iterable[str], height: int = 1100) -> Iterator[Notebook]:
    """A notebook of these cells, run in a JupyterLab and a Chromium of its own, which end with it: for what is no test.

    The home is the caller's, so that the demo model is there.
    """
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        lab = Lab(Path(folder), {"WORKBENCH_HOME": str(home()), "HF_HUB_OFFLINE": "1"}).wait()
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_ARGUMENTS)
        try:
            page = browser.new_page(viewport={"width": 1440, "height": height})
            notebook = Notebook(lab, page).open(lab.write("opened.ipynb", cells)).run_all()
            yield notebook
            notebook.shut_down()
        finally:
            browser.close()
            lab.close()
