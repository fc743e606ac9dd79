"""A session that is handed out before its model is resident: Stop needs something that can be stopped."""

from collections.abc import Callable
from typing import Any

from workbench.session import Session


class EarlySession(Session):
    """begins: called with the session before its model is loaded; what it raises ends the opening."""

    def __init__(self, begins: Callable[[Session], None], name: str, **options: Any) -> None:
        self._begins = begins
        super().__init__(name, **options)

    def _prepare(self, *arguments: Any, **options: Any) -> None:
        super()._prepare(*arguments, **options)
        self._begins(self)
