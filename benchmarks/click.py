"""From a click in a real browser to the changed chart: all but the model's own time is the workbench's share.

Of a toggle the whole time is told, the proof by a token under the new setting in it: its share is less.
"""

from playwright.sync_api import Page

from benchmarks.record import Outcome, Row, median_row
from tests.browser.notebook import Notebook, opened
from workbench.results import Measurement
from workbench.runs import Runs
from workbench.stats import percentile

QUESTION = "click on Measure in Chromium → a new point on the chart, less the time that generate took"
_CLICKS = 8
_TOGGLES = 50
_PATIENCE_S = 60
_DRAWN = 5  # times that the panel's cell is run again, the model resident
_CELLS = (
    'import workbench as wb\nsession = wb.Session("demo", config=wb.Config(attention="eager"))',
    "panel = wb.widgets.TuningPanel(session, budget_s=4)\npanel",
)
# answers with the milliseconds from the next click to the frame in which `look()` differs
_WATCH = """
(what) => {
  const speed = () => {
    const figure = document.querySelector(".wb-chart-speed .js-plotly-plot, .wb-chart-speed.js-plotly-plot");
    return JSON.stringify((figure?.data ?? []).map((trace) => [trace.name, Array.from(trace.y ?? [])]));
  };
  const ran = () => document.querySelector(".wb-ran")?.innerText ?? "";
  const look = { speed, ran }[what];
  window.wbTaken = null;
  document.addEventListener("click", () => {
    const began = performance.now(), before = look();
    const wait = () => {
      if (look() !== before) window.wbTaken = performance.now() - began; else requestAnimationFrame(wait);
    };
    wait();
  }, { capture: true, once: true });
}
"""


def run(_budget_s: float) -> Outcome:
    """The first click of each kind pays for what is made once, and is not counted."""
    with opened(_CELLS) as notebook:
        page = notebook.page
        notebook.part("panel").wait_for()
        notebook.work(prompt_tokens=32, new_tokens=8)
        whole, share = _measurements(notebook, page)
        toggles = _toggles(notebook, page)
        drawn = [_drawn(notebook, page) for _ in range(_DRAWN)]
    return Outcome(
        "click",
        QUESTION,
        (
            *median_row("the workbench's share", share, limit=0.3),
            Row("click → chart, whole, slowest", max(whole), "s"),
            Row(f"toggle → chart, whole, median of {len(toggles)}", percentile(toggles, 0.5), "s"),
            Row("toggle → chart, whole, 95th percentile", percentile(toggles, 0.95), "s", limit=0.3),
            Row("panel drawn after its cell starts, slowest", max(drawn), "s", limit=3.0),
        ),
        {"model": "demo", "clicks": len(share), "browser": "Chromium, headless"},
        {"share_s": share, "whole_s": whole, "toggle_s": toggles, "drawn_s": drawn},
    )


def _measurements(notebook: Notebook, page: Page) -> tuple[list[float], list[float]]:
    """Seconds from click to chart, and the same without the model's, for each click after the first."""
    whole, share = [], []
    for _ in range(_CLICKS + 1):
        seconds = _click(notebook, page, "measure", "speed")
        notebook.idle()
        whole.append(seconds)
        share.append(seconds - _model_seconds())
    return whole[1:], share[1:]


def _toggles(notebook: Notebook, page: Page) -> list[float]:
    """Seconds from a click on the other implementation to the chart that marks what is in force."""
    taken = []
    for turn in range(_TOGGLES + 2):
        taken.append(_click(notebook, page, f"knob-attention-{('sdpa', 'eager')[turn % 2]}", "speed"))
        notebook.idle()
    return taken[2:]


def _drawn(notebook: Notebook, page: Page) -> float:
    """Seconds from the start of the panel's cell to a panel with its chart."""
    page.evaluate(
        """() => {
          const content = jupyterapp.shell.currentWidget.content;
          const before = new Set(document.querySelectorAll(".wb-panel"));
          content.activeCellIndex = content.widgets.length - 1;
          const began = performance.now();
          window.wbTaken = null;
          const wait = () => {
            const now = Array.from(document.querySelectorAll(".wb-panel")).find((each) => !before.has(each));
            const drawn = now && now.querySelector(".wb-chart-speed .main-svg, .wb-nothing");
            if (drawn) window.wbTaken = performance.now() - began; else requestAnimationFrame(wait);
          };
          wait();
          jupyterapp.commands.execute("notebook:run-cell");
        }"""
    )
    seconds = _taken(page)
    notebook.idle()
    return seconds


def _click(notebook: Notebook, page: Page, button: str, what: str) -> float:
    page.evaluate(_WATCH, what)
    notebook.click(button)
    return _taken(page)


def _taken(page: Page) -> float:
    """Seconds that the page has taken, once it knows; an error where it never does."""
    page.wait_for_function("window.wbTaken !== null", timeout=1000 * _PATIENCE_S)
    milliseconds: float = page.evaluate("window.wbTaken")
    return milliseconds / 1000


def _model_seconds() -> float:
    """What `generate` itself took in the latest stored measurement: warm-up and repeats, by their own clocks."""
    with Runs() as runs:
        (record,) = runs.list(kind="measurement", limit=1)
        measurement = Measurement.from_dict(runs.get(record["id"])["result"])
    return measurement.warm_up.first_call_s + sum(measurement.samples["e2e_s"])
