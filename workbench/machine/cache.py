"""`machine.json` in the home directory: what is slow to find out about this machine, each with the key it holds for.

A section is `{"key": …, "value": …}`. A key that differs (another torch, another driver) or a damaged file means that
the section is found out again. Writers take turns, so that two processes lose neither's section.
"""

import json
import os
import tempfile
from typing import Any

from filelock import FileLock

from workbench.home import home
from workbench.words import Message, say

SCHEMA = "workbench.machine-cache/1"
_NAME = "machine.json"
_LOCK_S = 10.0  # held for milliseconds; a timeout (an OSError) means a file system without locks


def load(section: str, key: Any) -> Any | None:
    """The value kept under this key, or None."""
    kept = _read().get(section)
    return kept.get("value") if isinstance(kept, dict) and kept.get("key") == key else None


def store(section: str, key: Any, value: Any) -> Message | None:
    """Keeps `value` (plain JSON); answers why it could not be kept, or None."""
    try:
        home().mkdir(parents=True, exist_ok=True)
        with FileLock(home() / f"{_NAME}.lock", timeout=_LOCK_S):
            sections = {**_read(), section: {"key": key, "value": value}}
            _replace(json.dumps({"schema": SCHEMA, "sections": sections}, indent=1))
    except OSError as error:  # a full or read-only disk costs a new look next time, not the report
        return say("machine.disk.not_kept", problem=error.strerror or type(error).__name__)
    return None


def _replace(text: str) -> None:
    """The whole file at once: a reader sees the old one or the new one."""
    folder = home()
    descriptor, temporary = tempfile.mkstemp(prefix=_NAME, dir=folder)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, folder / _NAME)
    except OSError:
        os.unlink(temporary)
        raise


def _read() -> dict[str, Any]:
    try:
        document = json.loads((home() / _NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # not there yet, or damaged: everything in it can be found out again
        return {}
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        return {}
    sections = document.get("sections")
    return sections if isinstance(sections, dict) else {}
