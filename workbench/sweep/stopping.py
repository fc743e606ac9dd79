"""A Stop of a sweep that is heard inside a run too: `sweep(..., stop=Stop())`, then `stop.now()` from any thread."""

import threading
from collections.abc import Callable


class Stop:
    """Asked between two runs, as any `stop` of a sweep; bound to a host, `now` ends the run or load in progress too."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._halt: Callable[[], None] = _nothing

    def __call__(self) -> bool:
        return self._asked.is_set()

    def bind(self, halt: Callable[[], None]) -> None:
        """halt: ends what a host is doing; from any thread."""
        self._halt = halt
        if self():
            halt()

    def now(self) -> None:
        """Returns at once. Harmless again, and worth it: one that falls between two steps meets nothing that runs."""
        self._asked.set()
        self._halt()


def _nothing() -> None:
    """There is no host yet."""
