"""The README's picture, from a real run: `python -m tools.picture` measures the demo model in JupyterLab, and looks.

Attention goes from sdpa to eager and back, each measured; then both answer one prompt. Needs Chromium and the demo
model; writes docs/panel.png.
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.lab import CHROMIUM_ARGUMENTS, Lab, chromium, until
from tests.browser.notebook import Notebook
from workbench.home import home

PICTURE = Path(__file__).parents[1] / "docs" / "panel.png"
_CELLS = (
    'import workbench as wb\nsession = wb.Session("demo", config=wb.Config(threads=1))',
    'wb.widgets.TuningPanel(session, groups=["attention", "precision"], budget_s=8)',
)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        lab = Lab(Path(folder), {"WORKBENCH_HOME": str(home()), "HF_HUB_OFFLINE": "1"}).wait()
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_ARGUMENTS)
        try:
            page = browser.new_page(viewport={"width": 1440, "height": 1250})
            notebook = Notebook(lab, page).open(lab.write("panel.ipynb", _CELLS)).run_all()
            notebook.part("panel").wait_for()
            _measured(notebook)
            for attention in ("eager", "sdpa"):
                notebook.click(f"knob-attention-{attention}")
                notebook.says("ran", attention)
                notebook.idle()
                _measured(notebook)
            page.locator(".wb-new-tokens input").fill("32")
            notebook.click("both")
            notebook.says("rate", "no verdict on speed")
            notebook.idle()
            page.mouse.move(0, 0)
            notebook.part("panel").screenshot(path=PICTURE)
            notebook.shut_down()
        finally:
            browser.close()
            lab.close()
    print(PICTURE)
    return 0


def _measured(notebook: Notebook) -> None:
    points = notebook.points()
    notebook.click("measure")
    until(lambda: notebook.points() == points + 1, 120, "a measurement")
    notebook.idle()


if __name__ == "__main__":
    sys.exit(main())
