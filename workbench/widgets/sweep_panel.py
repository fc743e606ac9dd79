"""SweepPanel: a sweep in the background, with its progress, a chart that fills, Stop, and what came of it.

Class names for tests and style sheets: those of `sweep_face`; wb-sweep-panel; wb-status, wb-error as in the panel.
"""

import threading
from collections.abc import Mapping
from concurrent.futures import Future, wait
from typing import Any

from workbench.charts import DARK, LIGHT
from workbench.config import Config
from workbench.errors import Stopped, WorkbenchError
from workbench.results import Snippet, Sweep
from workbench.session import Session
from workbench.sweep.exporting import export
from workbench.sweep.progress import Progress
from workbench.widgets import action_lines
from workbench.widgets.guard import Guard
from workbench.widgets.page import Page
from workbench.widgets.parts import close_tree, column, markup, only_one, row
from workbench.widgets.status import Status
from workbench.widgets.sweep_face import SweepFace
from workbench.widgets.sweep_work import SweepWork
from workbench.words import text
from workbench.words.format import escape, printable

_LEAVES_WITHIN_S = 15.0


class SweepPanel:
    """`workbench.sweep(model, space, …)` that a person can watch and stop; shown when it is the last value of a cell.

    model    as `workbench.sweep` takes it; or a Session: its model makes room while the sweep runs and is brought back
             afterwards, its configuration is the base line, and the winner can be applied to it
    options  of `workbench.sweep`: workload, objective, constraints, budget_s, base, precision …
    start    False: it waits for the button

    `result()` gives the Sweep, and waits for it. One is open in a kernel: making a new one stops and removes the one
    before. What a bad space raises is shown here, and raised by `result()`.
    """

    def __init__(self, model: str | Session, space: Mapping[str, Any], *, start: bool = True, **options: Any) -> None:
        self._session = model if isinstance(model, Session) else None
        self._model = model.name if isinstance(model, Session) else model
        self._options = {"space": space, **options}
        self._future: Future[Sweep] | None = None
        self._closed = False
        self._status = Status()
        self._guard = Guard(self._status.fail)
        self._work = SweepWork(self._guard(self._told), self._guard(self._ticked), self._guard(self._ended))
        self._page = Page()
        self._face = SweepFace(
            self._work, lambda: DARK if self._page.dark else LIGHT, self._exported, applies=self._session is not None
        )
        self._build()
        only_one(self)
        if start:
            self.start()

    def start(self) -> None:
        """Begin, or go on where a stopped one ended; returns at once. Nothing happens while one runs."""
        with self._guard:
            if self._work.running or self._closed:
                return
            self._status.clear()
            self._work.prepare()
            self._face.begins()
            future: Future[Sweep] = Future()
            self._future = future
            if self._session is None:
                threading.Thread(target=self._run, args=(future,), name="workbench-sweep", daemon=True).start()
            else:
                try:
                    job = self._session.submit("lend", self._lent, "sweep", halt=self._work.stop)
                except WorkbenchError as closed:
                    future.set_exception(closed)
                    self._work.drop(closed)
                    return
                job.add_done_callback(lambda done: self._back(future, done))

    def result(self, timeout: float | None = None) -> Sweep:
        """The Sweep, once it is over; begins it where it waits for the button. Interrupt means Stop.

        Raises what the sweep raised, and TimeoutError.
        """
        if self._future is None:
            self.start()
        future = self._future
        assert future is not None, "it was begun"
        try:
            return future.result(timeout)
        except KeyboardInterrupt:
            self.stop()
            return future.result(timeout)

    def stop(self) -> None:
        """Ends the run in progress; what is known is the result. Returns at once."""
        self._work.stop()

    def close(self) -> None:
        """Stop, and remove the widget from the page once nothing of the sweep runs. May be called again."""
        if self._closed:
            return
        self._closed = True
        self.stop()
        if self._future is not None:
            wait([self._future], _LEAVES_WITHIN_S)  # its workers hold the device, which another sweep may need
        with self._guard:
            close_tree(self.box)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.box._repr_mimebundle_(**kwargs)

    # --- building

    def _build(self) -> None:
        face, guard = self._face, self._guard
        face.start.on_click(guard(lambda _button: self.start()))
        face.stop.on_click(guard(lambda _button: self._stop_clicked()))
        face.exported.button.on_click(guard(lambda _button: face.export_clicked()))
        face.apply.on_click(guard(lambda _button: self._apply_clicked()))
        self._page.observe(guard(lambda _change: face.redraw()), "dark")
        knobs = ", ".join(map(str, self._options["space"] or ()))
        said = text("sweep.panel.title", model=printable(self._model, 80), knobs=printable(knobs, 120))
        title = markup(f"<div>{escape(said, 300)}</div>", "wb-title")
        top = column([row([title], "wb-top"), face.box], "wb-sweep-body")
        self.box = column([self._page, top, self._status.box], "wb-panel", "wb-sweep-panel")
        self._status.say(text("sweep.panel.kept"))

    # --- clicks

    def _stop_clicked(self) -> None:
        self._work.stop()
        self._face.stops()

    def _apply_clicked(self) -> None:
        found = self._face.shown
        assert self._session is not None, "there is somebody to apply it to"
        assert found is not None, "the button is there once a sweep is"
        assert found.best is not None, "and has a winner"
        self._status.clear()
        self._status.run(text("panel.state.applying"))
        self._session.submit("apply", Config(**found.best.config)).add_done_callback(self._guard(self._applied))

    def _exported(self, found: Sweep) -> Snippet:
        session = self._session
        facts = {} if session is None else {"facts": session.facts, "machine": session.machine}
        return export(found, "transformers", model=self._model, revision=self._options.get("revision"), **facts)

    # --- in other threads

    def _run(self, future: "Future[Sweep]") -> None:
        try:
            future.set_result(self._work.run(self._model, self._options))
        except BaseException as error:  # noqa: BLE001  # whatever it is: told in the widget, raised by `result()`
            future.set_exception(error)

    def _lent(self, when_busy: str | None) -> Sweep:
        session = self._session
        assert session is not None, "it lends its place"
        own = {"base": session.config, "revision": session.revision, "runs": session.runs}
        return self._work.run(self._model, {**own, **self._options}, when_busy)

    def _back(self, future: "Future[Sweep]", job: "Future[Sweep]") -> None:
        """The session has its model again, or not."""
        if job.cancelled():
            dropped = Stopped("session.stopped", phase=text("panel.state.sweeping"))
            with self._guard:
                self._work.drop(dropped)
            future.set_exception(dropped)
        elif (error := job.exception()) is not None:
            if not self._closed:
                self._guard(self._failed)(error)
            future.set_exception(error)
        else:
            future.set_result(job.result())

    def _told(self, progress: Progress) -> None:
        if not self._closed:
            self._face.told(progress)

    def _ticked(self) -> None:
        if not self._closed:
            self._face.clock()

    def _ended(self, found: Sweep | None, error: BaseException | None) -> None:
        if self._closed:
            return
        self._face.ended(found, error)
        if error is not None:
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        self._status.fail(error)

    def _applied(self, job: "Future[Any]") -> None:
        if self._closed:
            return
        self._status.say(text("sweep.panel.kept"))
        if job.cancelled():
            self._status.say(text("panel.dropped"))
        elif (error := job.exception()) is not None:
            self._status.fail(error)
        else:
            self._status.say(action_lines.applied(job.result()))
