"""Beside: what works next to a session's own engine for one piece of work, and never longer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from workbench.hosts.connection import OnEvent
from workbench.hosts.process import ProcessHost


class Beside:
    """`with beside.worker() as host:`, `with beside.work(halt):` — stopped with the session's own work, ended with the
    block or the session.

    new_worker  makes a host, given what to call when another notebook takes its engine
    """

    def __init__(self, new_worker: Callable[[OnEvent], ProcessHost]) -> None:
        self._new_worker = new_worker
        self._hosts: list[ProcessHost] = []
        self._halts: list[Callable[[], None]] = []

    @contextmanager
    def worker(self) -> Iterator[ProcessHost]:
        host = self._new_worker(_ignore)
        self._hosts.append(host)
        try:
            yield host
        finally:
            host.close()
            self._hosts.remove(host)

    @contextmanager
    def work(self, halt: Callable[[], None]) -> Iterator[None]:
        """Work with engines of its own; `halt` asks it to end, from any thread."""
        self._halts.append(halt)
        try:
            yield
        finally:
            self._halts.remove(halt)

    def stop(self) -> None:
        """Asks their work to end. Returns at once; from any thread."""
        for host in tuple(self._hosts):
            host.stop()
        for halt in tuple(self._halts):
            halt()

    def close(self) -> None:
        """Ends them, whatever they do."""
        for host in tuple(self._hosts):
            host.close()
        for halt in tuple(self._halts):
            halt()


def _ignore(_name: str, _notebook: str) -> None:
    """An engine beside another is of its own fingerprint: nobody takes it over."""
