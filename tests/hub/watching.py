"""What a download says, as a test sees it, and a way to stop it in the middle."""

import threading
from typing import Any

from workbench.errors import WorkbenchError
from workbench.hub.download import download
from workbench.probes.context import Context


class Watch:
    """`events`: (name, data) as they came."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []
        self.stop = threading.Event()
        self.context = Context(lambda name, data: self.events.append((name, data)), self.stop)

    @property
    def notes(self) -> str:
        return "\n".join(str(data) for name, data in self.events if name == "note")

    @property
    def progress(self) -> list[dict[str, Any]]:
        return [data for name, data in self.events if name == "progress"]


def failure(name: str, revision: str | None = None, watch: Watch | None = None) -> WorkbenchError:
    """The error that downloading `name` ends with."""
    try:
        folder = download(name, revision, (watch or Watch()).context)
    except WorkbenchError as error:
        return error
    raise AssertionError(f"it was downloaded to {folder}")
