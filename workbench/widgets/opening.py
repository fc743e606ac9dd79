"""Opening a session from a widget: in a thread of its own, so that a click returns at once and Stop is heard."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any

from workbench.early import EarlySession
from workbench.errors import Stopped
from workbench.hub import prepare
from workbench.probes.context import Context
from workbench.results import Event
from workbench.session import Session
from workbench.words import text

# (session, its error, seconds it took): one of the first two is None
Ended = Callable[[Session | None, Exception | None, float], None]


class Opening:
    """One opening at a time. Both callbacks come from other threads; `on_progress` only while one is under way."""

    def __init__(self, on_progress: Callable[[Event], None], on_end: Ended) -> None:
        self._on_progress = on_progress
        self._on_end = on_end
        self._future: Future[Session] | None = None
        self._known: Session | None = None
        self._stopped = threading.Event()

    @property
    def future(self) -> "Future[Session] | None":
        """Of the opening in progress; None when there is none."""
        return self._future if self._future is not None and not self._future.done() else None

    def start(self, name: str, before: Session | None, options: dict[str, Any]) -> "Future[Session]":
        """Begins. `before` is closed once the model's files are here and whole: its memory may be needed to load it."""
        self._stopped.clear()
        future: Future[Session] = Future()
        self._future = future
        threading.Thread(
            target=self._work, args=(future, name, before, options), name="workbench-opening", daemon=True
        ).start()
        return future

    def stop(self) -> None:
        """Asks the opening in progress to end. Returns at once."""
        self._stopped.set()
        if self._known is not None:
            self._known.stop()

    def _work(self, future: "Future[Session]", name: str, before: Session | None, options: dict[str, Any]) -> None:
        began = time.monotonic()
        session: Session | None = None
        failure: Exception | None = None
        try:
            if before is not None:
                allowed = bool(options.get("allow_pickle"))
                prepare(name, options.get("revision"), Context(self._emit, self._stopped), allow_pickle=allowed)
                before.close()
            session = EarlySession(self._begins, name, progress=self._progress, **options)
        except CancelledError:  # stopped while it still waited for its turn
            failure = Stopped("session.stopped", phase=text("inventory.pick.opening", name=name))
        except Exception as error:  # noqa: BLE001  # whatever it is: told in the widget, raised where `future` is waited for
            failure = error
        self._known = None
        self._on_end(session, failure, time.monotonic() - began)
        if session is not None:
            future.set_result(session)
        else:
            future.set_exception(failure)

    def _emit(self, name: str, data: Any) -> None:
        if name == "progress":
            self._on_progress(Event("progress", 0, 0, time.monotonic(), data))

    def _begins(self, session: Session) -> None:
        self._known = session
        if self._stopped.is_set():
            session.close()
            raise Stopped("session.stopped", phase=text("inventory.pick.opening", name=session.name))

    def _progress(self, event: Event) -> None:
        if self._known is None:  # of a later job of this session, which is for the panel to show
            return
        if self._stopped.is_set():
            self._known.stop()  # a Stop between two steps may have met nothing that ran
        self._on_progress(event)
