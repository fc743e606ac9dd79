"""Running one of the workbench's torch programs in a process of its own and taking what it prints as JSON lines."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_PATH = re.compile(r"(?<![\w:/\\])(?:[A-Za-z]:)?(?:[\\/][^\\/\s'\":,()]+)*[\\/]([^\\/\s'\":,()]+)")


@dataclass(frozen=True)
class Told:
    """`documents` in the order they were printed; `problem`: last line of the error, None when it ended well."""

    documents: tuple[dict[str, Any], ...]
    problem: str | None


def run_module(
    module: str, arguments: Iterable[str] = (), environment: Mapping[str, str] | None = None, timeout_s: float = 120.0
) -> Told:
    """Runs `python -P -m module`; never raises for what happens inside it."""
    command = [sys.executable, "-P", "-m", module, *arguments]
    try:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            env={**os.environ, **(environment or {})},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return Told(_documents(error.stdout or b""), f"no answer within {timeout_s:g} s")
    except OSError as error:
        return Told((), without_paths(str(error)))
    problem = None
    if ended.returncode:
        lines = [line for line in ended.stderr.decode(errors="replace").splitlines() if line.strip()]
        problem = without_paths(lines[-1].strip()) if lines else f"it ended with status {ended.returncode}"
    return Told(_documents(ended.stdout), problem)


def without_paths(text: str) -> str:
    """File names without the folders they lie in: those name people and machines."""
    return _PATH.sub(lambda match: match[1], text)


def _documents(output: bytes) -> tuple[dict[str, Any], ...]:
    found = []
    for line in output.splitlines():
        try:
            document = json.loads(line)
        except ValueError:  # a library printed before the program took its output for itself, or it was cut off
            continue
        if isinstance(document, dict):
            found.append(document)
    return tuple(found)
