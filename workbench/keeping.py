"""Where a session's records go: the store given to it, or the one in the home directory, opened when needed."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, Self, TypeVar

from workbench.errors import StoreError
from workbench.runs import Runs
from workbench.words import Message, say


class Flagged(Protocol):
    """A result that can be flagged."""

    @property
    def flags(self) -> tuple[Message, ...]: ...

    def model_copy(self, *, update: Mapping[str, Any] | None = None) -> Self: ...


R = TypeVar("R", bound=Flagged)


class Keeping:
    """given: a store that is somebody else's to close."""

    def __init__(self, given: Runs | None) -> None:
        self._given = given
        self._runs = given
        self._refused = ""

    @property
    def runs(self) -> Runs:
        if self._runs is None:
            self._runs = Runs()
        return self._runs

    def keep(self, found: R, record: dict[str, Any], on_error: Callable[[StoreError], None]) -> R:
        """`found`, flagged where its record could not be kept. `on_error` hears of each reason once."""
        try:
            self.runs.add(record)
        except StoreError as error:
            if error.code != self._refused:
                self._refused = error.code
                on_error(error)
            return found.model_copy(update={"flags": (*found.flags, say("session.not_stored", problem=error.what))})
        return found

    def close(self) -> None:
        if self._runs is not None and self._given is None:
            self._runs.close()
