"""One boundary for every callback of the panel: its errors are shown in the panel, not lost in a log.

Callbacks come from the notebook's thread (clicks) and from the session's dispatcher (events); one lock lets one in at
a time, so that a figure has one writer.
"""

import functools
import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from workbench.errors import WorkbenchError

log = logging.getLogger("workbench.panel")


class Guard:
    """`guard(callback)` never raises: `report(error)` shows what went wrong. `with guard:` holds the lock alike."""

    def __init__(self, report: Callable[[Exception], None]) -> None:
        self._report = report
        self._lock = threading.RLock()

    def __call__(self, callback: Callable[..., Any]) -> Callable[..., None]:
        @functools.wraps(callback)
        def guarded(*args: Any) -> None:
            with self:
                callback(*args)

        return guarded

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        try:
            if not isinstance(error, Exception):
                return False
            # what people meet in use is told in the panel; what they should not meet is logged too
            expected = isinstance(error, WorkbenchError)
            log.log(logging.INFO if expected else logging.ERROR, "a callback failed", exc_info=error)
            self._report(error)
            return True
        finally:
            self._lock.release()
