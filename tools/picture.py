"""The README's picture, from a real run: `python -m tools.picture` measures the demo model in JupyterLab, and looks.

Attention goes from sdpa to eager and back, each measured; then both answer one prompt. Needs Chromium and the demo
model; writes docs/panel.png.
"""

import sys
from pathlib import Path

from tests.browser.lab import until
from tests.browser.notebook import Notebook, opened

PICTURE = Path(__file__).parents[1] / "docs" / "panel.png"
_CELLS = (
    'import workbench as wb\nsession = wb.Session("demo", config=wb.Config(threads=1))',
    'wb.widgets.TuningPanel(session, groups=["attention", "precision"], budget_s=8)',
)


def main() -> int:
    with opened(_CELLS, height=1250) as notebook:
        page = notebook.page
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
    print(PICTURE)
    return 0


def _measured(notebook: Notebook) -> None:
    points = notebook.points()
    notebook.click("measure")
    until(lambda: notebook.points() == points + 1, 120, "a measurement")
    notebook.idle()


if __name__ == "__main__":
    sys.exit(main())
