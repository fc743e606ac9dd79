"""What a download says, as a test sees it, and a way to stop it in the middle."""

import threading
import time
from pathlib import Path
from typing import Any

from tests.hub.standin import StandIn
from workbench.errors import WorkbenchError
from workbench.hub.download import download
from workbench.probes.context import Context

_WRITE_BYTES = 1 << 20


def stop_once_stalled(watch: "Watch", standin: StandIn, cache: Path, partial: str) -> None:
    """Presses Stop when the host stands still and one write of the client to the file `partial` is on the disk."""

    def press() -> None:
        standin.stalled.wait(60)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if any(part.stat().st_size >= _WRITE_BYTES for part in cache.rglob(partial)):
                break
            time.sleep(0.02)
        watch.stop.set()

    threading.Thread(target=press, daemon=True).start()


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
