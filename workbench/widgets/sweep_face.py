"""How a sweep looks: its numbers, the chart that fills while it runs, the field, and what came of it.

Class names for tests and style sheets: wb-sweep-numbers, wb-sweep-now, wb-sweep-start, wb-sweep-stop, wb-chart-sweep,
wb-sweep-result, wb-sweep-field, wb-sweep-export, wb-sweep-snippet, wb-sweep-apply.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from workbench.charts import Theme
from workbench.charts import sweep as chart
from workbench.results import Snippet, Sweep
from workbench.sweep.progress import Progress
from workbench.widgets import sweep_lines
from workbench.widgets.exported import Exported
from workbench.widgets.figure import LaterFigure
from workbench.widgets.parts import button, column, markup, row, show_if
from workbench.widgets.sweep_work import SweepWork
from workbench.words import text
from workbench.words.format import escape, printable

REDRAW_S = 0.5


class SweepFace:
    """Shows what a `SweepWork` does. Callers hold the widget's lock.

    theme     of the page now
    in_sight  whether it can be seen: a figure is drawn only then
    export    a winner as code
    applies   whether there is something to apply a winner to
    clicked   called with the config whose mark was clicked
    """

    def __init__(
        self,
        work: SweepWork,
        theme: Callable[[], Theme],
        export: Callable[[Sweep], Snippet],
        *,
        applies: bool = False,
        in_sight: Callable[[], bool] = lambda: True,
        clicked: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> None:
        self._work = work
        self._in_sight = in_sight
        self._export = export
        self._applies = applies
        self._ready = True
        self._told: Progress | None = None
        self._drawn_at = 0.0
        self.shown: Sweep | None = None  # so far, or at the end
        self.start = button(text("sweep.panel.start"), "wb-sweep-start", "wb-primary")
        self.stop = button(text("panel.stop"), "wb-sweep-stop", disabled=True)
        self.apply = button(text("sweep.panel.apply"), "wb-sweep-apply", "wb-primary")
        self.exported = Exported("wb-sweep-")
        self._numbers = markup("", "wb-sweep-numbers")
        self._now = markup("", "wb-sweep-now")
        self._chart = LaterFigure(
            lambda: self,
            lambda _face: chart(self._measured(), theme()),
            text("sweep.panel.empty"),
            "wb-chart-sweep",
            clicked=None if clicked is None else lambda place: clicked(_known(self.shown).points[place].config),
        )
        self._result = markup("", "wb-sweep-result", "wb-below")
        self._field = markup("", "wb-sweep-field", "wb-below")
        self._taking = row([self.apply, self.exported.button], "wb-scan-row")
        self._outcome = column([self._result, self._taking, self.exported.box], "wb-sweep-outcome")
        self.box = column(
            [
                row([self.start, self.stop, self._now], "wb-scan-row"),
                self._numbers,
                self._chart.box,
                self._outcome,
                self._field,
            ],
            "wb-sweep",
        )
        self.buttons()

    def begins(self) -> None:
        """Work is under way, or waits for its turn."""
        self._told, self.shown = None, None
        self.exported.hide()
        self._result.value = self._field.value = ""
        self._say(text("sweep.panel.runs"))
        self.clock()
        self.buttons()
        self.redraw()  # the figure takes a second to make: now, not between two runs

    def told(self, progress: Progress) -> None:
        """Between two runs: redrawn now, while nothing is measured, but at most twice a second."""
        self._told = progress
        between = progress.what.code == "sweep.progress.round"
        doing = text("sweep.panel.measures") if between else printable(progress.what, 160)
        self._say(text("sweep.panel.stops") if self._work.stopping else doing)
        self.clock()
        if not between or time.monotonic() - self._drawn_at >= REDRAW_S:
            self.shown = progress.snapshot()
            self.redraw()
            self._drawn_at = time.monotonic()

    def clock(self) -> None:
        self._numbers.value = sweep_lines.numbers(self._told, self._work.elapsed_s, self._work.running)

    def stops(self) -> None:
        self.stop.disabled = True
        self._say(text("sweep.panel.stops"))

    def ended(self, found: Sweep | None, error: BaseException | None) -> None:
        """What is known stays in sight, whatever ended it."""
        self.shown = found or self.shown
        self._say("" if found is None else text(f"sweep.panel.ended.{found.stopped_by}"))
        if error is not None:
            self._say(text("sweep.panel.failed"))
        self.clock()
        self.redraw()
        self._result.value = sweep_lines.result(found) if found is not None else ""
        self.start.description = text("sweep.panel.again" if _done(found) else "sweep.panel.go_on")
        self.buttons()

    def show(self, found: Sweep) -> None:
        """A sweep of before; `redraw` draws it."""
        self.shown = found
        self._result.value = sweep_lines.result(found)
        self.buttons()

    def enable(self, ready: bool) -> None:
        self._ready = ready
        self.buttons()

    def buttons(self) -> None:
        best = not self._work.running and self.shown is not None and self.shown.best is not None
        self.start.disabled = self._work.running or not self._ready
        self.stop.disabled = not self._work.running or self._work.stopping
        self.apply.disabled = self.exported.button.disabled = not self._ready
        others = len(self.shown.front) - 1 if best and self.shown else 0
        self.apply.description = text("sweep.panel.apply_leader" if others else "sweep.panel.apply")
        self.apply.tooltip = text("sweep.panel.apply_leader_hint", others=others) if others else ""
        show_if(self._outcome, best or bool(self._result.value))
        show_if(self._taking, best)
        show_if(self.apply, self._applies)

    def redraw(self) -> None:
        if self.shown is not None:
            self._field.value = sweep_lines.field(self.shown, self._work.running)
        if self._in_sight():
            self._chart.redraw()

    def export_clicked(self) -> None:
        self.exported.toggle(lambda: self._export(_known(self.shown)))

    def _measured(self) -> Sweep | None:
        """With a point to draw."""
        return self.shown if self.shown is not None and any(point.means for point in self.shown.points) else None

    def _say(self, sentence: str) -> None:
        dot = "<span class='wb-spin'></span>" if self._work.running else ""
        self._now.value = f"<div role='status'>{dot}{escape(sentence, 300)}</div>"


def _known(found: Sweep | None) -> Sweep:
    assert found is not None, "the button is there once a sweep is"
    return found


def _done(found: Sweep | None) -> bool:
    return found is not None and found.stopped_by not in ("budget", "stopped")
