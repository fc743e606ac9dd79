"""Notebook 04 in the browser: its race is watched while the next cell waits for the result."""

import json

import pytest

from tests.browser.lab import ROOT, until
from tests.browser.notebook import Notebook

pytestmark = pytest.mark.browser

NOTEBOOK = ROOT / "notebooks" / "04_generation.ipynb"
CELLS = ("open", "sweep", "sweep-race", "sweep-chart")


def places(notebook: Notebook) -> int:
    """Measured configurations in the chart."""
    return sum(len(trace["x"]) for trace in notebook.chart("sweep")[:-1])


def test_the_race_is_watched_while_the_next_cell_waits(notebook: Notebook) -> None:
    """Those cells as they are, with the session that the notebook opens."""
    cells = {cell["id"]: "".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]}
    notebook.page.set_viewport_size({"width": 1440, "height": 2200})
    notebook.open(notebook.lab.write("race.ipynb", [cells[name] for name in CELLS]))
    notebook.menu("Run", "Run All Cells")
    notebook.part("sweep-panel").wait_for(timeout=120_000)
    until(lambda: places(notebook) >= 2, 120, "points while the next cell waits for the result")
    assert notebook.cells()[2]["count"] is None
    notebook.wait_run(180)
    notebook.says("sweep-result", "Best")
    assert places(notebook) == 4
    notebook.page.wait_for_timeout(500)
    notebook.picture("race-04")
