"""What running work sees of the outside: somewhere to report to, and whether it was asked to stop."""

import threading
import time
from collections.abc import Callable
from typing import Any

from workbench.errors import Stopped
from workbench.words import Message, say


class Context:
    """One job's line to the person who waits for it.

    emit(name, data)  sends an event; called from the computing thread only
    stop              set from another thread when the person presses Stop
    """

    def __init__(self, emit: Callable[[str, Any], None], stop: threading.Event | None = None) -> None:
        self.emit = emit
        self.stop = stop or threading.Event()
        self.doing: Message | None = None
        self._began = time.monotonic()

    def enter(self, doing: Message, *, killable: bool = False) -> None:
        """Names what is being done now. `killable`: it cannot notice Stop, so the host may end the process."""
        self.doing = doing
        self.check()
        self.emit("phase", {"doing": doing, "killable": killable})

    def progress(self, message: Message, done: float, total: float | None = None) -> None:
        """How far the work is, in whatever `message` counts; time left follows from the share done."""
        self.check()
        elapsed_s = time.monotonic() - self._began
        left_s = elapsed_s / done * (total - done) if total and done else None
        self.emit(
            "progress",
            {"what": message, "done": done, "total": total, "elapsed_s": elapsed_s, "left_s": left_s},
        )

    def check(self) -> None:
        """Raises Stopped once Stop was asked for."""
        if self.stop.is_set():
            raise Stopped("session.stopped", phase=str(self.doing or say("phase.working")))

    def mark(self, name: str) -> None:
        """A point in time (CLOCK_MONOTONIC seconds) for samplers in other processes to align with."""
        self.emit("mark", {"mark": name, "monotonic_s": time.monotonic()})
