"""What the monitor asks of a session: everything is read, nothing is done."""

from collections.abc import Callable
from typing import Protocol

from workbench.results import AllocatorReading, Event, Resolved


class Watched(Protocol):
    """A `Session` is one. `pid`: of the worker; None where there is none, and where the model is `in_process`."""

    @property
    def state(self) -> str: ...

    @property
    def resolved(self) -> Resolved: ...

    @property
    def pid(self) -> int | None: ...

    @property
    def in_process(self) -> bool: ...

    @property
    def waiting(self) -> int: ...

    @property
    def allocator(self) -> AllocatorReading | None: ...

    def on(self, event: str, callback: Callable[[Event], None]) -> Callable[[], None]: ...
