"""A sweep in a thread that is not the page's: what it tells on the way, its clock, and a Stop that is heard at once."""

import threading
import time
from collections.abc import Callable
from typing import Any

from workbench.results import Sweep
from workbench.sweep.progress import Progress
from workbench.sweep.running import sweep
from workbench.sweep.stopping import Stop

CLOCK_S = 1.0
_AGAIN_S = 0.2

# (sweep, its error): one of the two is None
Ended = Callable[[Sweep | None, BaseException | None], None]


class SweepWork:
    """One sweep at a time: `prepare()`, then `run` in whatever thread, or `drop()`. All callbacks come from others.

    told   with each Progress, between two runs
    tick   every second while it runs
    ended  once, when nothing of it runs any more
    """

    def __init__(self, told: Callable[[Progress], None], tick: Callable[[], None], ended: Ended) -> None:
        self._told = told
        self._tick = tick
        self._ended = ended
        self._stop: Stop | None = None
        self._began: float | None = None
        self._took = 0.0

    @property
    def running(self) -> bool:
        """Or about to."""
        return self._stop is not None

    @property
    def stopping(self) -> bool:
        return self._stop is not None and self._stop()

    @property
    def elapsed_s(self) -> float:
        """Of the one that runs, or of the last; 0 while it waits for its turn."""
        return time.monotonic() - self._began if self._began is not None else self._took

    def prepare(self) -> None:
        """From now on it is running, and can be stopped."""
        self._stop, self._began, self._took = Stop(), None, 0.0

    def drop(self, why: BaseException) -> None:
        """It never began."""
        self._stop = None
        self._ended(None, why)

    def run(self, model: str, options: dict[str, Any], when_busy: str | None = None) -> Sweep:
        """`workbench.sweep` in the thread that calls this; raises what it raises."""
        stop = self._stop
        assert stop is not None, "it was prepared"
        began = self._began = time.monotonic()
        over = threading.Event()
        clock = threading.Thread(target=self._clock, args=(stop, over), name="workbench-sweep-clock", daemon=True)
        clock.start()
        found: Sweep | None = None
        failure: BaseException | None = None
        try:
            found = sweep(model, **{"when_busy": when_busy, **options}, progress=self._told, stop=stop)
            return found
        except BaseException as error:
            failure = error
            raise
        finally:
            over.set()
            clock.join()
            self._took, self._began, self._stop = time.monotonic() - began, None, None
            self._ended(found, failure)

    def stop(self) -> None:
        """Ends the run or load in progress; what is known becomes the result. Returns at once."""
        if self._stop is not None:
            self._stop.now()

    def _clock(self, stop: Stop, over: threading.Event) -> None:
        told = time.monotonic()
        while not over.wait(_AGAIN_S):
            if stop():
                stop.now()  # a Stop between two steps meets nothing that runs
            if time.monotonic() - told >= CLOCK_S:
                told = time.monotonic()
                self._tick()
