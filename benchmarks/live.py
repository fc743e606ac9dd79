"""What the live chart takes of one core while it moves: of the kernel and its server, and of the page beside them.

The rolling window is full, the model rests: nothing else works meanwhile.
"""

import time

import psutil

from benchmarks.record import Outcome, Row
from tests.browser.notebook import Notebook, opened
from workbench.widgets.live import WINDOW_S

QUESTION = "CPU time ÷ wall time of the kernel and its server while the live chart moves once a second"
_CELLS = (
    'import workbench as wb\nsession = wb.Session("demo")',
    "live = wb.widgets.LiveUtilisation(session)\nlive",
)
_PROMISED_PERCENT = 5.0
_WINDOWS = 4
_SECONDS = 15.0


def run(_budget_s: float) -> Outcome:
    """The page's share is told and not promised: it is drawn by the browser, which may be on another machine."""
    with opened(_CELLS) as notebook:
        notebook.part("chart-live").wait_for()
        time.sleep(WINDOW_S + 5)
        server = psutil.Process(notebook.lab.process.pid)
        ours = (server, *notebook.lab.kernels())
        pages = _pages()
        before, page_before = _moves(notebook), _cpu_s(pages)
        shares, began = [], time.monotonic()
        for _ in range(_WINDOWS):
            start, cpu_s = time.monotonic(), _cpu_s(ours)
            time.sleep(_SECONDS)
            shares.append(100 * (_cpu_s(ours) - cpu_s) / (time.monotonic() - start))
        page_share = 100 * (_cpu_s(pages) - page_before) / (time.monotonic() - began)
        if _moves(notebook) == before:
            raise RuntimeError("the live chart stood still: nothing was measured")
    return Outcome(
        "live",
        QUESTION,
        (
            Row(
                f"kernel and server, highest of {_WINDOWS}: share of one core",
                max(shares),
                "%",
                limit=_PROMISED_PERCENT,
            ),
            Row("the page, drawn without a GPU: share of one core", page_share, "%"),
        ),
        {"model": "demo, at rest", "seconds each": round(_SECONDS), "browser": "Chromium, headless"},
        {"share_percent": shares},
    )


def _moves(notebook: Notebook) -> str:
    """What the chart shows of the CPU now."""
    shown: str = notebook.page.evaluate(
        """() => {
          const figure = document.querySelector(".wb-chart-live .js-plotly-plot, .wb-chart-live.js-plotly-plot");
          return JSON.stringify(Array.from(figure.data[0].x).slice(-20));
        }"""
    )
    return shown


def _pages() -> tuple[psutil.Process, ...]:
    """Chromium's processes, all of them: which one draws is its own business."""
    return tuple(each for each in psutil.Process().children(recursive=True) if "chrom" in each.name())


def _cpu_s(processes: tuple[psutil.Process, ...]) -> float:
    return sum(times.user + times.system for times in (each.cpu_times() for each in processes))
