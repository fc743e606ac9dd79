"""Asynchronous work in a thread of its own, so that it runs beside a notebook's loop and ends on Stop."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any

from workbench.errors import Stopped

_TICK_S = 0.05
_LEAVE_S = 5.0  # for what was cancelled to close its connections


def run(work: Callable[[], Coroutine[Any, Any, None]], stop: threading.Event) -> bool:
    """Runs `work` to its end; False when it was stopped before. An interrupt here (Ctrl-C) is a Stop.

    What raised in it raises here.
    """
    done: Future[bool] = Future()

    def host() -> None:
        try:
            asyncio.run(_watched(work, stop, done))
        except BaseException as error:  # noqa: BLE001  # raised again in the thread that waits
            if not done.done():
                done.set_exception(error)

    threading.Thread(target=host, name="workbench-endpoint", daemon=True).start()
    leaving: float | None = None
    while True:
        try:
            return done.result(timeout=_TICK_S)
        except TimeoutError:
            if done.done():
                raise
            if stop.is_set():
                leaving = leaving or time.monotonic() + _LEAVE_S
                if time.monotonic() > leaving:
                    return False
        except KeyboardInterrupt:
            stop.set()


async def _watched(work: Callable[[], Coroutine[Any, Any, None]], stop: threading.Event, done: "Future[bool]") -> None:
    task = asyncio.ensure_future(work())
    while not task.done():
        await asyncio.wait((task,), timeout=_TICK_S)
        if stop.is_set():
            task.cancel()
    try:
        task.result()
    except (asyncio.CancelledError, Stopped):
        done.set_result(False)
        return
    done.set_result(True)  # here, because the loop may still wait for a resolver that does not answer
