"""Where a session's records go: the store given to it, or the one in the home directory, opened when needed."""

from collections.abc import Callable
from typing import Any, TypeVar

from workbench.errors import StoreError
from workbench.results import Result
from workbench.runs import Runs
from workbench.words import say

R = TypeVar("R", bound=Result)


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
            not_stored = say("session.not_stored", problem=error.what)
            return found.model_copy(update={"flags": (*getattr(found, "flags", ()), not_stored)})
        return found

    def close(self) -> None:
        if self._runs is not None and self._given is None:
            self._runs.close()
