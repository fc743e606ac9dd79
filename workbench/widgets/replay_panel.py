"""ReplayPanel: recorded results of another machine, one at a time, each after a guess."""

from pathlib import Path
from typing import Any

import ipywidgets

from workbench.charts import DARK, LIGHT
from workbench.charts.runs import config_words
from workbench.replay import Recorded, Replay
from workbench.widgets.figure import LaterFigure
from workbench.widgets.guard import Guard
from workbench.widgets.page import Page
from workbench.widgets.parts import button, classed, close_tree, column, labelled, markup, notes, only_one, row
from workbench.widgets.tables import show
from workbench.words import text
from workbench.words.format import escape, printable


class ReplayPanel:
    """`wb-replay`, `wb-replay-record`, `wb-replay-guess`, `wb-replay-show`, `wb-replay-mark`, `wb-replay-said`,
    `wb-replay-table`, `wb-chart-replay`.

    path  a file of `workbench runs export`. As `Replay` raises.
    """

    def __init__(self, path: str | Path) -> None:
        self.replay = Replay(path)
        self._shown: Recorded | None = None
        self._page = Page()
        self._guard = Guard(self._failed)
        options = [(_words(each), at) for at, each in enumerate(self.replay.records)]
        wide = ipywidgets.Layout(width="auto")
        self._record = classed(ipywidgets.Dropdown(options=options, layout=wide), "wb-replay-record")
        self._record.observe(self._guard(lambda _change: self._hide()), "value")
        self._guess = classed(ipywidgets.Text(layout=ipywidgets.Layout(width="260px")), "wb-replay-guess")
        press = button(text("replay.show"), "wb-replay-show", "wb-primary")
        press.on_click(self._guard(lambda _button: self._show()))
        self._said = markup("", "wb-replay-said")
        self._table = markup("", "wb-replay-table")
        self._figure = LaterFigure(
            lambda: self._shown,
            lambda record: self.replay.figure(record, DARK if self._page.dark else LIGHT),
            text("replay.hint"),
            "wb-chart-replay",
        )
        top = [f"<b>{escape(text('replay.title'))}</b>"]
        if self.replay.unread:
            top.append(notes([text("replay.unread", count=self.replay.unread)]))
        fields = [labelled(text("replay.record"), self._record), labelled(text("replay.guess"), self._guess), press]
        self.box = column(
            [
                self._page,
                markup("".join(top), "wb-replay-mark"),
                row(fields, "wb-replay-row"),
                self._said,
                self._figure.box,
                self._table,
            ],
            "wb-panel",
            "wb-replay",
        )
        self._page.observe(self._guard(lambda _change: self._figure.redraw()), "dark")
        only_one(self)

    def close(self) -> None:
        """Remove the panel from the page. May be called again."""
        close_tree(self.box)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.box._repr_mimebundle_(**kwargs)

    def _show(self) -> None:
        guess = self._guess.value.strip()
        if not guess:
            self._said.value = notes([text("replay.guess_first")])
            return
        self._shown = record = self.replay.records[self._record.value]
        self._said.value = notes([text("replay.guessed", guess=printable(guess, 200)), record.mark])
        self._figure.redraw()
        self._table.value = show(record.result)._repr_html_()

    def _hide(self) -> None:
        """Another record: what is seen of it comes after the guess."""
        self._guess.value = ""
        self._said.value = notes([text("replay.hint")])
        self._table.value = ""

    def _failed(self, error: Exception) -> None:
        self._said.value = f"<div class='wb-error'>{escape(error, 600)}</div>"


def _words(record: Recorded) -> str:
    config = config_words(record.config) if record.config else ""
    parts = (record.kind, record.model, config, record.machine, record.time[:16].replace("T", " "))
    return " · ".join(printable(part, 70) for part in parts if part)
