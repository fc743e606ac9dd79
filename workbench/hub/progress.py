"""How far a download is: bytes from the child that fetches, speed and time left from their recent past."""

import time
from collections import deque

from workbench.probes.context import Context
from workbench.words.message import Message

WINDOW_S = 10.0  # long enough to be calm, short enough to notice that a line became slow
STALL_S = 90.0  # the hub client tries a silent connection again for about 66 s before it gives up


class Meter:
    """Turns the child's reports into progress events, and knows for how long nothing has moved."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._began = self._moved = time.monotonic()
        self._last: object = None
        self._points: deque[tuple[float, int]] = deque()

    @property
    def silent_s(self) -> float:
        return time.monotonic() - self._moved

    def awake(self) -> None:
        """Something else happened than bytes."""
        self._moved = time.monotonic()

    def report(self, what: Message, done: int, total: int, alive: int) -> None:
        """`alive` counts work that brings no bytes (a checksum being taken)."""
        now = time.monotonic()
        if (done, alive) != self._last:
            self._last, self._moved = (done, alive), now
        if self._points and done < self._points[-1][1]:  # a damaged file was dropped
            self._points.clear()
        self._points.append((now, done))
        while len(self._points) > 2 and now - self._points[0][0] > WINDOW_S:
            self._points.popleft()
        speed = self._speed()
        self._context.emit(
            "progress",
            {
                "what": what,
                "done": done,
                "total": total,
                "unit": "B",
                "per_s": speed,
                "elapsed_s": now - self._began,
                "left_s": (total - done) / speed if speed else None,
            },
        )

    def _speed(self) -> float | None:
        """Bytes per second of the recent past; None before there is one."""
        (then, before), (now, done) = self._points[0], self._points[-1]
        return (done - before) / (now - then) if now - then > 0.5 and done > before else None
