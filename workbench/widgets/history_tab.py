"""The History tab: what the store holds of this model, two of them beside each other, and the way back to any."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import ipywidgets

from workbench.charts.runs import Run
from workbench.config import Config
from workbench.errors import ConfigError, StoreError
from workbench.results import Trace
from workbench.results.trace_diff import trace_diff
from workbench.widgets import history
from workbench.widgets.guard import Guard
from workbench.widgets.parts import button, classed, column, labelled, markup, row
from workbench.words import text

if TYPE_CHECKING:
    from workbench.session import Session

MOST_HISTORY = 100
SIDES = ("a", "b")


class HistoryTab:
    """`wb-history`, `wb-history-a`, `wb-history-b`, `wb-history-diff`, `wb-history-restore-a`, `wb-history-restore-b`,
    `wb-history-difference`.

    chosen  called with the config that is to come back
    """

    def __init__(self, session: "Session", guard: Guard, chosen: Callable[[Mapping[str, Any]], None]) -> None:
        self._session = session
        self._runs: list[Run] = []
        self._known = False
        self._table = markup("", "wb-history")
        self._difference = markup("", "wb-history-difference")
        wide = ipywidgets.Layout(width="auto")
        self._choices = {side: classed(ipywidgets.Dropdown(layout=wide), f"wb-history-{side}") for side in SIDES}
        self._diff = button(text("panel.history.diff"), "wb-history-diff")
        self._diff.on_click(guard(lambda _button: self.show_difference()))
        self._restore = {
            side: button(text(f"panel.history.restore_{side}"), f"wb-history-restore-{side}") for side in SIDES
        }
        for side, made in self._restore.items():
            made.on_click(guard(lambda _button, side=side: chosen(self._run(side).config)))
        fields = [labelled(text(f"panel.history.{side}"), self._choices[side]) for side in SIDES]
        buttons = row([self._diff, *self._restore.values()], "wb-history-buttons")
        self.box = column([row(fields, "wb-history-sides"), buttons, self._difference, self._table])
        self._ready = True

    def outdated(self) -> None:
        """There is another run: asked for when the tab comes to the front."""
        self._known = False

    def redraw(self) -> None:
        """What the store holds now; in sight only."""
        if not self._known:
            self._known = True
            self.refresh()

    def refresh(self) -> None:
        """Ask the store anew. What is chosen stays chosen until there is a new run: then it is the two newest."""
        newest = self._runs[0].id if self._runs else None
        try:
            self._runs, unreadable = _stored(self._session)
        except StoreError as error:  # the panel works without its store, and says what is wrong with it
            self._table.value = history.refused(error)
            return
        known = [run.id for run in self._runs]
        options = [(history.short(run), run.id) for run in self._runs]
        for at, side in enumerate(SIDES):
            field, before = self._choices[side], self._choices[side].value
            stays = before in known and known[0] == newest
            with field.hold_sync():
                field.options = options
                if known:
                    field.value = before if stays else known[min(len(known) - 1, 1 - at)]
        self._table.value = history.table(self._runs, unreadable)
        self.enable(self._ready)

    def enable(self, ready: bool) -> None:
        self._ready = ready
        self._diff.disabled = len(self._runs) < 2
        for made in self._restore.values():
            made.disabled = not (ready and self._runs)

    def show_difference(self) -> None:
        """Config, state, metrics with intervals, tokens, and traces where both configurations were traced."""
        a, b = (self._run(side) for side in SIDES)
        if a.id == b.id:
            raise ConfigError("panel.same_run", run=a.id)
        assert a.id is not None, "the store's own"
        assert b.id is not None, "the store's own"
        found = self._session.runs.diff(a.id, b.id)
        traces = [self._trace(run) for run in (a, b)]
        traced = trace_diff(traces[0], traces[1]) if traces[0] and traces[1] else None
        self._difference.value = history.difference(found, traced)

    def _run(self, side: str) -> Run:
        number = self._choices[side].value
        return next(run for run in self._runs if run.id == number)

    def _trace(self, run: Run) -> Trace | None:
        """The last one of its configuration, by this version."""
        asked: dict[str, Any] = {"model": run.model, "config": Config(**run.config), "limit": 1}
        for record in self._session.runs.filter(kind="trace", **asked):
            try:
                return Trace.from_dict(record["result"])
            except (ValueError, KeyError, TypeError):
                return None
        return None


def _stored(session: "Session") -> tuple[list[Run], int]:
    """Stored measurements of this model, newest first, and how many could not be read."""
    runs, unreadable = [], 0
    for document in session.runs.list(kind="measurement", model=session.facts.name, limit=MOST_HISTORY):
        try:
            runs.append(Run.of_document(document))
        except (ValueError, KeyError, TypeError):  # written by another version: counted, and said
            unreadable += 1
    return runs, unreadable
