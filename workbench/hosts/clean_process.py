"""A process of its own for exported files: the same interpreter and packages, without the workbench on its path.

Its environment is the person's without what Python, the workbench, OpenMP and torch read from it: what the files need
of that kind they must set themselves.
"""

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from workbench.machine.child import without_paths
from workbench.words import Message, say

_DRIVER = Path(__file__).with_name("clean_driver.py")
_OWN = ("PYTHON", "WORKBENCH_", "OMP_", "GOMP_", "KMP_", "MKL_", "TORCH", "PYTORCH_")
_LOOKS_S = 0.2  # how often a wait asks whether Stop was pressed
_GRACE_S = 5.0


class SnippetFailed(Exception):
    """The files did not get as far as an answer; `.message` says how, `.detail` holds what they printed."""

    def __init__(self, message: Message, detail: str = "") -> None:
        self.message = message
        self.detail = detail
        super().__init__(str(message))


class CleanProcess:
    """`files` in a folder of their own, and a process that runs them. Close it: a `with` block does.

    check        called while waiting; what it raises (Stopped) ends the wait
    environment  more variables for it
    """

    def __init__(
        self, files: Mapping[str, str], check: Callable[[], None], environment: Mapping[str, str] | None = None
    ) -> None:
        self._check = check
        self._folder = tempfile.TemporaryDirectory(prefix="snippet-")
        folder = Path(self._folder.name).resolve()
        for name, content in files.items():
            (folder / name).write_text(content, encoding="utf-8")
        kept = {name: value for name, value in os.environ.items() if name != "MODEL" and not name.startswith(_OWN)}
        self._errors = (folder / "stderr.txt").open("w+", encoding="utf-8", errors="replace")
        options: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            options = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(_DRIVER), str(folder), json.dumps(_packages())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**kept, **(environment or {})},
            cwd=folder,
            text=True,
            encoding="utf-8",
            **options,
        )
        self._answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True, name="snippet-answers").start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, do: str, timeout_s: float, **command: Any) -> dict[str, Any]:
        """The answer to a command of `clean_driver.Snippet`. SnippetFailed: it raised, ended, or did not answer."""
        assert self._process.stdin is not None, "opened as a pipe"
        with contextlib.suppress(OSError):  # it is gone: the wait below says how
            self._process.stdin.write(json.dumps({"do": do, **command}) + "\n")
            self._process.stdin.flush()
        until = time.monotonic() + timeout_s
        while True:
            try:
                line = self._answers.get(timeout=_LOOKS_S)
                break
            except queue.Empty:
                self._check()
                if time.monotonic() > until:
                    raise SnippetFailed(say("verify.hangs", doing=do, seconds=round(timeout_s)), self.printed) from None
        if line is None:
            status = self._process.wait(_GRACE_S)
            last = next((each for each in reversed(self.printed.splitlines()) if each.strip()), "")
            raise SnippetFailed(say("verify.died", doing=do, status=status, last=without_paths(last)), self.printed)
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise SnippetFailed(
                say("verify.raised", doing=do, problem=without_paths(answer["error"])), answer["traceback"]
            )
        return answer

    @property
    def printed(self) -> str:
        """What it wrote to stderr so far."""
        self._errors.flush()
        with Path(self._errors.name).open(encoding="utf-8", errors="replace") as file:
            return file.read()

    def close(self) -> None:
        """Ends it with all that it started. Harmless when it has ended."""
        with contextlib.suppress(psutil.NoSuchProcess):
            below = psutil.Process(self._process.pid).children(recursive=True)
            for each in below:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()
        self._process.kill()
        self._process.wait(_GRACE_S)
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe:
                    pipe.close()
        self._errors.close()
        self._folder.cleanup()

    def __enter__(self) -> "CleanProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self) -> None:
        assert self._process.stdout is not None, "opened as a pipe"
        with contextlib.suppress(ValueError):  # closed while reading
            for line in self._process.stdout:
                self._answers.put(line)
        self._answers.put(None)


def _packages() -> list[str]:
    """The folders that this process imports from, without those that hold the workbench's own source."""
    places = [str(Path(place).resolve()) for place in sys.path if place]
    return [place for place in places if Path(place).is_dir() and not (Path(place) / "workbench").is_dir()]
