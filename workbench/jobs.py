"""One job at a time: futures, the state that people see, Stop, and the error events of work that failed."""

import itertools
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from workbench.cell_line import PERIOD_S, CellLine
from workbench.errors import Stopped, WorkbenchError
from workbench.events import Dispatcher


class Jobs:
    """Runs work in order on one thread of its own.

    states    operation -> the state shown while it runs (results/events.py lists them)
    halt      asks the work in progress to end; called from any thread
    recover   called in the working thread, with the job's number, after work failed, before the error is passed on
    resting   the state between jobs
    explain   called with an error and the arguments of the work that failed; what it returns is raised in its place
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        states: dict[str, str],
        *,
        halt: Callable[[], None],
        recover: Callable[[int, Exception], None],
        resting: Callable[[], str],
        explain: Callable[[Exception, Iterable[Any]], Exception] = lambda error, _arguments: error,
    ) -> None:
        self._dispatcher = dispatcher
        self._states = states
        self._halt = halt
        self._recover = recover
        self._resting = resting
        self._explain = explain
        self._numbers = itertools.count(1)
        self._pending: set[Future[Any]] = set()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="workbench-job")
        self.state = "loading"
        self.closed = False

    def start(self, operation: str, work: Callable[..., Any], *arguments: Any, **options: Any) -> Future[Any]:
        """Queues `work(job, *arguments, **options)` and returns its Future at once."""
        if self.closed:
            raise WorkbenchError("session.closed")
        future = self._pool.submit(self._run, operation, work, *arguments, **options)
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        return future

    def wait(self, future: Future[Any]) -> Any:
        """The result; the notebook's Interrupt means Stop. Under its cell stands how far the work is."""
        line = CellLine.here(self._dispatcher)
        try:
            while line is not None and wait([future], PERIOD_S).not_done:
                line.turn()
            return future.result()
        except KeyboardInterrupt:
            self.stop()
        finally:
            if line is not None:
                line.end()
        return future.result()  # out here: an interrupt is no cause of how the work ends

    def stop(self) -> None:
        """Drops the jobs that wait and asks the one in progress to end. Returns at once."""
        busy = False
        for future in tuple(self._pending):
            busy = not future.cancel() or busy
        if busy:
            self.show("stopping")
        self._halt()

    @property
    def waiting(self) -> int:
        """Jobs that have not begun."""
        return sum(not future.running() and not future.done() for future in tuple(self._pending))

    def show(self, state: str, job: int = 0, **of_job: str) -> None:
        """Sets the state that people see. `of_job`: operation and how it ended (`results/events.py`)."""
        self.state = state
        self._dispatcher.send("state", job, {"state": state, **of_job})

    def close(self) -> None:
        """Ends what runs; nothing can be started afterwards."""
        self.closed = True
        self._halt()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, operation: str, work: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        job = next(self._numbers)
        self.show(self._states[operation], job, operation=operation)
        ended = "done"
        try:
            return work(job, *arguments, **options)
        except Exception as error:
            ended = "stopped" if isinstance(error, Stopped) else "failed"
            told = self._explain(error, (*arguments, *options.values()))
            self._dispatcher.send("error", job, told)
            if not self.closed:
                self._recover(job, error)
            if told is error:
                raise
            raise told from error
        finally:
            self.show("closed" if self.closed else self._resting(), job, operation=operation, ended=ended)
