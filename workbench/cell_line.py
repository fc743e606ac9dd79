"""One line under a notebook's cell while a call of it works: how far it is, and in the end how long it took.

Written by the thread that waits, so that it stands under the cell that asked; several calls of one cell share it.
"""

import sys
import threading
import time
from typing import Any

from workbench.events import Dispatcher
from workbench.results import Event
from workbench.words import text
from workbench.words.format import escape, seconds
from workbench.words.progress import progress

PATIENCE_S = 1.0  # what is over sooner needs no line
PERIOD_S = 0.5
_STYLE = "color: var(--jp-ui-font-color2); font-size: 12px; font-variant-numeric: tabular-nums"


class CellLine:
    """Of one call: `turn()` again and again while it is waited for, `end()` when it is over."""

    _last: "tuple[int, Any, float] | None" = None  # cell, its display, seconds of its calls so far

    def __init__(self, dispatcher: Dispatcher, cell: int) -> None:
        self._cell, self._began = cell, time.monotonic()
        self._said: str | None = None
        self._off = dispatcher.on("progress", self._heard)

    @classmethod
    def here(cls, dispatcher: Dispatcher) -> "CellLine | None":
        """None outside of a notebook's kernel, and in threads beside its own."""
        shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
        if shell is None or not hasattr(shell, "kernel") or threading.current_thread() is not threading.main_thread():
            return None
        return cls(dispatcher, shell.execution_count)

    def turn(self) -> None:
        if self._spent_s >= PATIENCE_S:
            self._show(self._said or text("line.working", elapsed=seconds(self._spent_s)))

    def end(self) -> None:
        self._off()
        if self._spent_s < PATIENCE_S:
            return
        before = CellLine._last[2] if CellLine._last is not None and CellLine._last[0] == self._cell else 0.0
        whole = before + self._spent_s
        display = self._show(text("line.worked", elapsed=seconds(whole)))
        CellLine._last = (self._cell, display, whole)

    @property
    def _spent_s(self) -> float:
        return time.monotonic() - self._began

    def _heard(self, event: Event) -> None:
        self._said = progress(event.data)

    def _show(self, said: str) -> Any:
        from IPython.display import display  # there: a kernel is at work

        shown = {"text/plain": said, "text/html": f"<div style='{_STYLE}'>{escape(said, 300)}</div>"}
        last = CellLine._last
        if last is not None and last[0] == self._cell:
            last[1].update(shown, raw=True)
            return last[1]
        handle = display(shown, raw=True, display_id=True)
        CellLine._last = (self._cell, handle, 0.0)
        return handle
