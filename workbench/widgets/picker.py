"""ModelPicker: what models are on this machine, and opening one of them.

Class names for tests and style sheets: wb-picker, wb-picker-list, wb-picker-facts, wb-picker-name, wb-picker-open,
wb-picker-stop, wb-picker-refresh, wb-picker-pickle, wb-picker-busy; wb-status, wb-error, wb-details as in the panel.
"""

import os
from concurrent.futures import Future
from typing import Any

import ipywidgets

from workbench.errors import DeviceBusy, ModelError
from workbench.hub.inventory import inventory
from workbench.machine import doctor
from workbench.results import Event
from workbench.results.inventory import Inventory
from workbench.session import Session
from workbench.widgets import lines
from workbench.widgets.guard import Guard
from workbench.widgets.opening import Opening
from workbench.widgets.page import Page
from workbench.widgets.parts import (
    button,
    classed,
    close_tree,
    column,
    is_shown,
    labelled,
    markup,
    notice,
    only_one,
    row,
    show_if,
)
from workbench.widgets.picker_lines import facts, option
from workbench.widgets.status import Status
from workbench.words import text
from workbench.words.format import printable, seconds
from workbench.words.progress import progress

ROWS_SHOWN = 8
NOT_LISTED = ""
BUSY = ("refuse", "take", "wait", "beside")
PICKLE_CODES = ("model.pickle_only",)


class ModelPicker:
    """A list of the models on this machine, a field for any other name, and the way to open one.

    name     what is chosen at first (default: WORKBENCH_MODEL, else "demo")
    options  of `Session`, handed on: config, device, host, runs, revision …

    Shown when it is the last value of a cell. `open()` works without a click, so that Run All does too. One picker is
    open in a kernel: making a new one removes the one before from the page; its session goes on.
    """

    def __init__(self, name: str | None = None, **options: Any) -> None:
        self._options = options
        self._session: Session | None = None
        self._closed = self._filling = False
        self._status = Status()
        self._guard = Guard(self._status.fail)
        self._opening = Opening(self._guard(self._on_progress), self._guard(self._ended))
        self._found = Inventory(device="unknown", entries=())
        self._build()
        self.name = name or os.environ.get("WORKBENCH_MODEL") or "demo"
        self.refresh()
        self._status.say(text("inventory.pick.ready"))
        self._status.rest()
        only_one(self)

    @property
    def name(self) -> str:
        """What is chosen: as `Session` takes it."""
        return str(self._name.value).strip()

    @name.setter
    def name(self, name: str) -> None:
        self._name.value = name

    @property
    def session(self) -> Session | None:
        """The session that was opened here last; None before."""
        return self._session

    def refresh(self) -> None:
        """Looks again at what there is and what fits into the memory that is free now."""
        self._found = inventory(doctor())
        with self._guard:
            self._filling = True  # new options choose the first of themselves
            self._list.options = [
                *((option(entry), entry.name) for entry in self._found.entries),
                (text("inventory.pick.other"), NOT_LISTED),
            ]
            self._filling = False
            self._named()

    def open(self) -> Session:
        """The session with the chosen model: the one that is open already, else a new one. Blocks until it is resident.

        Raises what `Session` raises; it is shown in the picker too. Interrupt means Stop.
        """
        future = self._start()
        try:
            return future.result()
        except KeyboardInterrupt:
            self.stop()
            return future.result()

    def stop(self) -> None:
        """Asks the opening in progress to end. Returns at once."""
        self._opening.stop()

    def close(self) -> None:
        """Removes the picker from the page; its session goes on. May be called again."""
        with self._guard:
            if not self._closed:
                self._closed = True
                close_tree(self.box)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.box._repr_mimebundle_(**kwargs)

    # --- building

    def _build(self) -> None:
        self._list = classed(
            ipywidgets.Select(options=[], rows=ROWS_SHOWN, layout=ipywidgets.Layout(width="100%")), "wb-picker-list"
        )
        self._facts = markup("", "wb-picker-facts")
        self._name = classed(
            ipywidgets.Text(
                placeholder=text("inventory.pick.name_hint"),
                continuous_update=False,
                layout=ipywidgets.Layout(width="auto"),
            ),
            "wb-picker-name",
        )
        self._open = button(text("inventory.pick.open"), "wb-picker-open", "wb-primary")
        self._stop = button(text("inventory.pick.stop"), "wb-picker-stop", disabled=True)
        self._refresh = button(text("inventory.pick.refresh"), "wb-picker-refresh")
        self._pickle = classed(
            ipywidgets.Checkbox(
                value=False,
                description=text("inventory.pick.pickle"),
                indent=False,
                layout=ipywidgets.Layout(width="auto"),
            ),
            "wb-picker-pickle",
        )
        show_if(self._pickle, False)
        self._busy = classed(
            ipywidgets.Dropdown(
                options=[(text(f"inventory.pick.busy.{choice}"), choice) for choice in BUSY],
                layout=ipywidgets.Layout(width="auto"),
            ),
            "wb-picker-busy",
        )
        self._busy_row = labelled(text("inventory.pick.busy"), self._busy)
        show_if(self._busy_row, False)
        self._list.observe(self._guard(self._chosen), "value")
        self._name.observe(self._guard(self._named), "value")
        self._open.on_click(self._guard(self._open_clicked))
        self._stop.on_click(self._guard(lambda _button: self.stop()))
        self._refresh.on_click(self._guard(lambda _button: self.refresh()))
        title = markup(f"<div>{text('inventory.pick.title')}</div>", "wb-title")
        named = labelled(text("inventory.pick.name"), self._name)
        named.add_class("wb-picker-field")
        body = column(
            [
                self._list,
                self._facts,
                self._pickle,
                row([named, self._busy_row, self._open, self._stop], "wb-picker-row"),
            ],
            "wb-picker-body",
        )
        self.box = column(
            [Page(), row([title, self._refresh], "wb-top"), body, self._status.box], "wb-panel", "wb-picker"
        )

    # --- choosing

    def _chosen(self, change: Any) -> None:
        if not self._filling and change["new"] and change["new"] != self.name:
            self._status.clear()
            self._name.value = change["new"]

    def _named(self, _change: Any = None) -> None:
        """The list and the facts follow the field."""
        entry = next((entry for entry in self._found.entries if entry.name == self.name), None)
        values = [value for _label, value in self._list.options]
        if values:
            self._list.value = self.name if self.name in values else NOT_LISTED
        phrases = [text("inventory.pick.not_listed")] if entry is None else facts(entry, self._found)
        self._facts.value = notice(phrases, "")
        self._show_pickle(entry is not None and entry.format == "pickle")

    def _show_pickle(self, shown: bool) -> None:
        show_if(self._pickle, shown)
        if not shown:
            self._pickle.value = False  # a yes is for one model

    # --- opening

    def _open_clicked(self, _button: Any) -> None:
        self._start()  # what becomes of it is told by `_ended`

    def _start(self) -> "Future[Session]":
        """The opening in progress, the session that is open, or a new opening."""
        if self._opening.future is not None:
            return self._opening.future
        name, held = self.name, self._session
        self._status.clear()
        settled: Future[Session] = Future()
        if held is not None and held.name == name and held.state not in ("closed", "failed"):
            settled.set_result(held)
            return settled
        if not name:
            error = ModelError("inventory.pick.empty")
            self._status.fail(error)
            settled.set_exception(error)
            return settled
        options = {**self._options, "allow_pickle": self._pickle.value or self._options.get("allow_pickle", False)}
        if is_shown(self._busy_row):
            options["when_busy"] = self._busy.value
        self._working(True)
        return self._opening.start(name, held, options)

    def _on_progress(self, event: Event) -> None:
        total = event.data["total"]
        self._status.run(progress(event.data), event.data["done"] / total if total else None)

    def _ended(self, session: Session | None, error: Exception | None, elapsed_s: float) -> None:
        if session is not None or (self._session is not None and self._session.state == "closed"):
            self._session = session
        if self._closed:
            return
        self._status.say(text("inventory.pick.ready"))
        if session is not None:
            told = {"name": printable(session.name, 80), "where": lines.where(session.resolved)}
            self._status.say(text("inventory.pick.opened", **told, seconds=seconds(elapsed_s)))
        elif error is not None:
            self._status.fail(error)
        show_if(self._busy_row, isinstance(error, DeviceBusy))
        if isinstance(error, ModelError) and error.code in PICKLE_CODES:
            self._show_pickle(True)
        self._working(False)

    def _working(self, working: bool) -> None:
        self._stop.disabled = not working
        for control in (self._open, self._refresh, self._list, self._name, self._pickle, self._busy):
            control.disabled = working
        if working:
            self._status.run(text("inventory.pick.opening", name=printable(self.name, 80)))
