"""Events on their way from the working thread to whoever listens, on one dispatcher thread."""

import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from workbench.errors import ConfigError
from workbench.results import EVENTS, Event

Listener = Callable[[Event], None]
_log = logging.getLogger(__name__)


class Dispatcher:
    """Calls listeners one after the other on a thread of its own, in the order of the events.

    A listener that raises is reported as an `error` event; one that raises on that is logged.
    """

    def __init__(self) -> None:
        self._listeners: dict[str, list[Listener]] = {name: [] for name in EVENTS}
        self._sequence = itertools.count(1)
        self._queue: queue.SimpleQueue[Event | threading.Event | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True, name="workbench-events")
        self._thread.start()

    def on(self, event: str, listener: Listener) -> Callable[[], None]:
        """Registers `listener`; the returned function takes it off again. ConfigError for an unknown event."""
        if event not in EVENTS:
            raise ConfigError("session.unknown_event", event=event, events=", ".join(EVENTS))
        self._listeners[event].append(listener)

        def off() -> None:
            if listener in self._listeners[event]:
                self._listeners[event].remove(listener)

        return off

    def send(self, name: str, job: int, data: Any) -> None:
        """Queues an event and returns at once."""
        self._queue.put(Event(name, job, next(self._sequence), time.monotonic(), data))

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Waits until everything sent so far was delivered."""
        delivered = threading.Event()
        self._queue.put(delivered)
        return delivered.wait(timeout_s)

    def close(self) -> None:
        """Delivers what is queued, then ends the thread."""
        self._queue.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            if isinstance(item, threading.Event):
                item.set()
                continue
            for listener in tuple(self._listeners[item.name]):
                self._call(listener, item)

    def _call(self, listener: Listener, event: Event) -> None:
        try:
            listener(event)
        except Exception as error:  # noqa: BLE001  # a listener's fault must not end the thread that serves the others
            _log.error("a listener of %r events failed", event.name, exc_info=error)
            if event.name != "error":
                self.send("error", event.job, error)
