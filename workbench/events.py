"""Events on their way from the working thread to whoever listens, on one dispatcher thread."""

import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from workbench.errors import ConfigError
from workbench.results import EVENTS, Chunk, Event
from workbench.words import Message

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


def forwarding(
    dispatcher: Dispatcher,
    job: int,
    show: Callable[[str, int], None],
    on_chunk: Callable[[Chunk], None] | None = None,
    on_mark: Sequence[Callable[[str, float], None]] = (),
) -> Callable[[str, Any], None]:
    """What a host's events are handed to: turns wire data into result types and sends them on.

    show      sets the state that people see
    on_chunk  called with each token in the working thread, ahead of the listeners
    on_mark   each called with each moment that a probe marks: its name, CLOCK_MONOTONIC seconds
    """

    def pass_on(name: str, data: Any) -> None:
        match name:
            case "token":
                chunk = data if isinstance(data, Chunk) else Chunk.from_dict(data)
                if on_chunk:
                    on_chunk(chunk)
                dispatcher.send("token", job, chunk)
            case "progress":
                what = data["what"]
                said = what if isinstance(what, Message) else Message(**what)
                dispatcher.send("progress", job, {**data, "what": said})
            case "note":
                dispatcher.send(
                    "progress", job, {"what": data, "done": 0, "total": None, "elapsed_s": 0.0, "left_s": None}
                )
            case "state":
                show(data["state"], job)
            case "mark":
                for hear in tuple(on_mark):
                    hear(data["mark"], data["monotonic_s"])

    return pass_on


def counting_from(first: int, pass_on: Callable[[str, Any], None]) -> Callable[[str, Any], None]:
    """`pass_on` with the rows of tokens counted from `first`."""

    def shifted(name: str, data: Any) -> None:
        if name == "token":
            chunk = data if isinstance(data, Chunk) else Chunk.from_dict(data)
            data = chunk.model_copy(update={"row": chunk.row + first})
        pass_on(name, data)

    return shifted


def stopping(
    pass_on: Callable[[str, Any], None], stop: threading.Event, halt: Callable[[], None]
) -> Callable[[str, Any], None]:
    """`pass_on`, for work in several calls: a Stop that came between two of them halts the next at its first event."""

    def look(name: str, data: Any) -> None:
        if stop.is_set():
            halt()
        pass_on(name, data)

    return look
