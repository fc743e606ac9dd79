"""The line under a cell, in a real kernel: it says how far the work is and how long it took; Interrupt still stops."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from workbench.cell_line import CellLine
from workbench.events import Dispatcher

pytestmark = pytest.mark.model

OPEN = """
import workbench as wb
config = wb.Config(dtype="float32", threads=1)
session = wb.Session("random:deepseek-llm-7b-base?scale=tiny&layers=2", config=config, when_busy="beside")
work = wb.Workload(prompt_tokens=16, new_tokens=8)
"""


@pytest.fixture(scope="module")
def cells(demo_home: Path) -> Iterator[Any]:
    """Runs a cell in one kernel; its outputs."""
    notebook = nbformat.v4.new_notebook()
    client = NotebookClient(notebook, timeout=120, kernel_name="python3")
    with client.setup_kernel():

        def run(source: str) -> list[Any]:
            cell = nbformat.v4.new_code_cell(source)
            notebook.cells.append(cell)
            client.execute_cell(cell, len(notebook.cells) - 1)
            return list(cell.outputs)

        run(OPEN)
        yield run
        run("session.close()")


def lines(outputs: list[Any]) -> list[str]:
    return [each["data"]["text/plain"] for each in outputs if each["output_type"] == "display_data"]


def test_a_long_call_leaves_how_long_it_took(cells: Any) -> None:
    outputs = cells("found = session.measure(work, precision=0.0001, budget_s=2)")
    (line,) = lines(outputs)
    assert line.startswith("took ")
    assert float(line.split()[1].split("\u2009")[0]) >= 1


def test_calls_of_one_cell_share_a_line_and_short_ones_need_none(cells: Any) -> None:
    assert len(lines(cells("for _ in range(2): session.measure(work, precision=0.0001, budget_s=2)"))) == 1
    assert lines(cells("session.apply(attention='eager'); session.apply(attention='sdpa');")) == []


def test_while_it_works_it_says_how_far_it_is(cells: Any) -> None:
    """The kernel keeps what it showed: an update replaces it in the notebook."""
    told = cells(
        "shown = []\n"
        "before = wb.cell_line.CellLine._show\n"
        "wb.cell_line.CellLine._show = lambda self, said: (shown.append(said), before(self, said))[1]\n"
        "session.measure(work, precision=0.0001, budget_s=3)\n"
        "wb.cell_line.CellLine._show = before\n"
        "print(shown[0])"
    )
    (printed,) = [each["text"] for each in told if each["output_type"] == "stream"]
    assert "run " in printed
    assert "left" in printed


def test_outside_of_a_notebook_there_is_none() -> None:
    dispatcher = Dispatcher()
    try:
        assert CellLine.here(dispatcher) is None
    finally:
        dispatcher.close()
