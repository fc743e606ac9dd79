"""Files too large for the store (traces, logits, reports): in the home's `artifacts/`, whole or not there at all."""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from workbench.errors import StoreError
from workbench.home import room

_NAME = re.compile(r"[A-Za-z0-9][\w.\-]*")  # one file name, no folder, nothing hidden


def artifact(name: str) -> Path:
    """Where the artifact of that name lies or will lie. StoreError when `name` is not a plain file name."""
    if not _NAME.fullmatch(name) or len(name) > 200:
        raise StoreError("runs.bad_artifact_name", name=repr(name))
    with _translated(name):
        return room("artifacts") / name


def write_artifact(name: str, data: bytes) -> Path:
    """Writes `data` under that name; an older one is replaced only once all bytes are on disk."""
    with writing_artifact(name) as path:
        path.write_bytes(data)
    return artifact(name)


@contextlib.contextmanager
def writing_artifact(name: str) -> Iterator[Path]:
    """A path to write to; when the block ends well the file takes its name in one step, else it is removed."""
    final = artifact(name)
    unfinished = final.with_name(f".{name}.{os.getpid()}.tmp")
    try:
        with _translated(name):
            yield unfinished
            with unfinished.open("rb") as file:
                os.fsync(file.fileno())
            unfinished.replace(final)
    finally:
        unfinished.unlink(missing_ok=True)


@contextlib.contextmanager
def _translated(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError("runs.artifact_failed", name=name, problem=error.strerror or str(error)) from error
