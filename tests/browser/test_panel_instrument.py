"""The panel as an instrument: the way back, two answers, two runs, two windows, two hundred toggles; hostile text."""

import re

import psutil
import pytest
from playwright.sync_api import expect

from tests.browser.lab import until
from tests.browser.notebook import Notebook

pytestmark = pytest.mark.browser

TINY = "random:deepseek-llm-7b-base?scale=tiny&layers=2"
OPEN = f"""
import workbench as wb
session = wb.Session({TINY!r}, config=wb.Config(dtype="float32", threads=1))
"""
PANEL = "panel = wb.widgets.TuningPanel(session, budget_s=2)\npanel"
HOSTILE = "<img src=x onerror=window.wbHacked=1>\u202eright to left\x1b[31m" + "long" * 300
TOGGLES = 200
MOST_GROWTH = 48 * 2**20  # of the kernel's memory over 150 toggles, bytes
MOST_PAGE_GROWTH = 24 * 2**20  # of the page's heap after its garbage went


@pytest.fixture(scope="module")
def running(notebook: Notebook) -> Notebook:
    notebook.open(notebook.lab.write("instrument.ipynb", [OPEN, PANEL])).run_all()
    notebook.part("panel").wait_for()
    notebook.work(prompt_tokens=16, new_tokens=8)
    return notebook


@pytest.fixture
def panel(running: Notebook) -> Notebook:
    running.idle()
    return running


def test_undo_brings_back_what_was_in_force(panel: Notebook) -> None:
    expect(panel.part("undo")).to_be_disabled()
    panel.click("knob-attention-eager")
    panel.says("ran", "eager")
    panel.idle()
    panel.click("undo")
    panel.says("asked", "sdpa")
    panel.idle()
    expect(panel.part("undo")).to_be_disabled()


def test_both_answers_stream_beside_each_other_and_the_model_is_as_before(panel: Notebook) -> None:
    panel.click("knob-attention-eager")
    panel.says("ran", "eager")
    panel.idle()
    panel.page.locator(".wb-new-tokens input").fill("8")
    panel.page.locator(".wb-prompt textarea").fill("The sea")
    panel.click("both")
    sides = panel.page.locator(".wb-pair-side")
    expect(sides).to_have_count(2, timeout=30_000)
    panel.says("rate", re.compile("same tokens|part at token"))
    panel.idle()
    expect(sides.nth(0)).to_contain_text("A: sdpa")
    expect(sides.nth(1)).to_contain_text("8 tokens")
    assert "eager" in panel.text("asked")
    panel.screenshot("instrument-both")


def test_two_runs_beside_each_other_and_one_restored(panel: Notebook) -> None:
    for attention in ("sdpa", "eager"):
        if attention not in panel.text("asked"):
            panel.click(f"knob-attention-{attention}")
            panel.says("ran", attention)
            panel.idle()
        points = panel.points()
        panel.click("measure")
        until(lambda points=points: panel.points() == points + 1, 60, "a measurement")
        panel.idle()
    panel.tab("History")
    panel.click("history-diff")
    panel.says("history-difference", "not paired")
    panel.says("history-difference", "attention")
    panel.screenshot("instrument-history")
    panel.click("history-restore-a")
    panel.says("pending", "eager→sdpa")
    panel.click("discard")
    panel.tab("Speed")


def test_a_preset_waits_and_says_what_it_rests_on(panel: Notebook) -> None:
    panel.page.locator(".wb-presets select").select_option(label="the guides' recipe")
    panel.says("pending", "bfloat16")
    panel.says("status", "guides")
    panel.screenshot("instrument-preset")
    panel.click("discard")


def test_a_configuration_is_saved_and_offered(panel: Notebook) -> None:
    panel.click("save")
    panel.page.locator(".wb-save-name input").fill("mine")
    panel.click("save-do")
    panel.says("status", "mine.json")
    expect(panel.page.locator(".wb-presets select")).to_contain_text("saved as mine")


def test_hostile_prompts_and_answers_are_text(panel: Notebook) -> None:
    panel.page.locator(".wb-new-tokens input").fill("8")
    panel.page.locator(".wb-prompt textarea").fill(HOSTILE)
    panel.page.locator(".wb-chat select").select_option(label="raw text")
    panel.click("generate")
    panel.says("rate", re.compile("8 tokens"))
    panel.idle()
    panel.click("save")
    panel.page.locator(".wb-save-name input").fill(HOSTILE[:40])
    panel.click("save-do")
    panel.says("error", "cannot be a configuration's name")
    assert panel.page.evaluate("window.wbHacked") is None
    panel.click("save")


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
@pytest.mark.parametrize("width", [900, 1440])
def test_nothing_overflows_in_a_narrow_window_and_in_both_themes(panel: Notebook, theme: str, width: int) -> None:
    size = panel.page.viewport_size
    assert size is not None
    panel.page.set_viewport_size({"width": width, "height": size["height"]})
    panel.theme(theme)
    panel.page.wait_for_timeout(400)
    panel.screenshot(f"instrument-{width}-{theme.split()[-1].lower()}")
    over = panel.page.evaluate(
        """() => {
          const panel = document.querySelector(".wb-panel:not(.wb-live)"), edge = panel.getBoundingClientRect().right;
          return Array.from(panel.querySelectorAll("button, select, input, .wb-line, .wb-text"))
            .filter((each) => each.offsetParent && each.getBoundingClientRect().right > edge + 1)
            .map((each) => each.className);
        }"""
    )
    panel.page.set_viewport_size(size)
    panel.theme("JupyterLab Light")
    assert over == []


def test_every_control_has_a_name(panel: Notebook) -> None:
    """For whoever hears the page: text, a label, or a title."""
    nameless = panel.page.evaluate(
        """() => Array.from(document.querySelectorAll(".wb-panel button, .wb-panel select, .wb-panel input"))
          .filter((each) => each.offsetParent && !each.closest(".modebar"))
          .filter((each) => !(each.innerText || "").trim() && !each.labels?.length && !each.title
            && !each.getAttribute("aria-label") && !each.placeholder
            && !each.closest(".wb-labelled, .wb-knob")?.innerText.trim())
          .map((each) => each.closest("[class*=wb-]")?.className ?? each.outerHTML)"""
    )
    assert nameless == []


def test_the_keyboard_reaches_every_control_in_the_order_of_the_page(panel: Notebook) -> None:
    page = panel.page
    panel.tab("Speed")
    page.evaluate("document.querySelector('.wb-panel').setAttribute('tabindex', '-1')")
    page.evaluate("document.querySelector('.wb-panel').focus()")
    stops: list[str] = []
    for _ in range(200):
        page.keyboard.press("Tab")
        stop = page.evaluate(
            """() => {
              const at = document.activeElement, panel = at.closest(".wb-panel");
              if (!panel) return null;
              at.dataset.wbStop = at.dataset.wbStop ?? "seen";
              const part = [".wb-header", ".wb-board", ".wb-actions", ".wb-tabs", ".wb-answer", ".wb-bottom"]
                .find((each) => at.closest(each));
              const outline = getComputedStyle(at).outlineStyle;
              return [part, outline];
            }"""
        )
        if stop is None:
            break
        stops.append(stop[0])
        assert stop[1] != "none" or stop[0] == ".wb-tabs", f"nothing shows where the keyboard is, in {stop[0]}"
    regions = [part for part in dict.fromkeys(stops) if part != ".wb-bottom"]  # a stop where an error has details
    assert regions == [".wb-header", ".wb-board", ".wb-actions", ".wb-tabs", ".wb-answer"]
    assert ".wb-bottom" not in stops[:-1]
    missed = page.evaluate(
        """() => Array.from(document.querySelectorAll(".wb-panel :is(button, select, input, textarea)"))
          .filter((each) => each.offsetParent && !each.disabled && !each.closest(".modebar") && !each.dataset.wbStop)
          .map((each) => each.innerText || each.className)"""
    )
    assert missed == []
    fold = page.locator(".wb-more .wb-fold-head", has_text="Tokens")
    fold.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".wb-knob-pad_token-field input")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator(".wb-knob-pad_token-field input")).to_be_hidden()


def test_what_runs_and_what_was_refused_stay_in_sight(panel: Notebook) -> None:
    """In a window that is lower than the panel, wherever it is scrolled to."""
    page = panel.page
    size = page.viewport_size
    assert size is not None
    page.set_viewport_size({"width": size["width"], "height": 700})
    page.locator(".wb-panel .wb-title").first.scroll_into_view_if_needed()
    page.locator(".wb-prompt textarea").fill("")
    page.evaluate("document.querySelector('.wb-generate button, button.wb-generate').click()")
    panel.says("error", "prompt")
    for part in ("error", "status", "measure", "stop"):
        expect(panel.part(part)).to_be_in_viewport()
    panel.screenshot("instrument-low")
    page.set_viewport_size(size)
    page.locator(".wb-prompt textarea").fill("The sea")


def test_two_windows_on_one_kernel_show_the_same(panel: Notebook) -> None:
    other = Notebook(panel.lab, panel.page.context.new_page())
    try:
        other.page.set_default_timeout(30_000)
        panel.page.evaluate("jupyterapp.commands.execute('docmanager:save')")
        other.page.goto(panel.page.url.replace("/lab/tree/", "/lab/workspaces/second/tree/"))
        other.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell").first.wait_for(timeout=60_000)
        other.part("panel").wait_for(timeout=60_000)
        now = "sdpa" if "eager" in panel.text("asked") else "eager"
        panel.click(f"knob-attention-{now}")
        panel.says("ran", now)
        other.says("ran", now)
        assert other.foreign_requests == []
    finally:
        other.page.close()
    panel.idle()


def test_two_hundred_toggles_leave_kernel_and_page_as_large_as_they_were(panel: Notebook) -> None:
    (kernel,) = panel.lab.kernels()
    panel.page.wait_for_timeout(500)
    client = panel.page.context.new_cdp_session(panel.page)
    sizes: list[tuple[int, int]] = []
    for turn in range(TOGGLES):
        now = "sdpa" if "eager" in panel.text("asked") else "eager"
        panel.click(f"knob-attention-{now}")
        panel.says("ran", now)
        panel.idle()
        if turn + 1 in (TOGGLES // 4, TOGGLES):
            client.send("HeapProfiler.collectGarbage")
            heap = int(client.send("Runtime.getHeapUsage")["usedSize"])
            sizes.append((psutil.Process(kernel.pid).memory_info().rss, heap))
    (before, page_before), (after, page_after) = sizes
    assert after - before < MOST_GROWTH
    assert page_after - page_before < MOST_PAGE_GROWTH
