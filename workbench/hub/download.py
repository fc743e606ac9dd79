"""A download: the hub's own client in a process of its own, so that Stop ends it at once and nothing can hang."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from workbench.errors import ModelError, rebuild
from workbench.hub import progress
from workbench.hub.endpoints import Endpoint, endpoint, refuse_offline
from workbench.probes.context import Context
from workbench.words import say
from workbench.words.message import Message

_POLL_S = 0.1
_KEPT_LINES = 50
# Bars would be read by nobody. Plain HTTP goes on inside a file where it was interrupted, which the client's other
# protocol (Xet) does not: the person may choose that one with HF_HUB_DISABLE_XET=0.
_ENVIRONMENT = {"TQDM_DISABLE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
_DEFAULTS = {"HF_HUB_DISABLE_XET": "1"}


def download(name: str, revision: str | None, context: Context, *, allow_pickle: bool = False) -> Path:
    """Brings hub id `name` into the hub's own cache, every file checked; returns the folder of the snapshot.

    Always asks the hub; files that are there are checked and not fetched again. Goes on where it was interrupted.
    ModelError: no such model, nobody answers, no space, no permission, a damaged file. Stopped: within 2 s.
    """
    where = endpoint()
    refuse_offline(name)
    context.enter(say("phase.downloading", name=name))
    meter = progress.Meter(context)
    request = {"name": name, "revision": revision, "allow_pickle": allow_pickle, "kind": where.kind, "url": where.url}
    with Child(request) as child:
        while True:
            context.check()
            if meter.silent_s > progress.STALL_S:
                raise ModelError("hub.stalled", name=name, host=where.host, seconds=round(meter.silent_s))
            report = child.next(_POLL_S)
            if report is None:
                continue
            match report["type"]:
                case "note":
                    meter.awake()
                    context.emit("note", Message(**report["what"]))
                case "bytes":
                    meter.report(Message(**report["what"]), report["done"], report["total"], report["alive"])
                case "done":
                    return Path(report["path"])
                case "error":
                    raise rebuild(report["kind"], report["code"], report["params"])
                case "end":
                    raise _died(name, where, child)


class Child:
    """The process that fetches. Leaving the `with` ends it, whatever it does."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "workbench.hub.fetching"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**_DEFAULTS, **os.environ, **_ENVIRONMENT},
            start_new_session=True,  # Ctrl-C in a terminal is answered here, not there
        )
        self._reports: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._output: deque[str] = deque(maxlen=_KEPT_LINES)
        self._threads = [
            threading.Thread(target=self._read, daemon=True, name="download-reports"),
            threading.Thread(target=self._drain, daemon=True, name="download-output"),
        ]
        assert self._process.stdin is not None, "opened as a pipe"
        with contextlib.suppress(BrokenPipeError):  # it died at once: its reports end, which says so
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()  # and stays open: its end tells the child that nobody waits any more
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        for thread in self._threads:
            thread.join(timeout=5)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def next(self, timeout_s: float) -> dict[str, Any] | None:
        """The next report, or None when there was none in time."""
        try:
            return self._reports.get(timeout=timeout_s)
        except queue.Empty:
            return None

    @property
    def last_words(self) -> str:
        """The last line of its errors, for a process that ended without a word of its own."""
        self._process.wait()
        self._threads[1].join(timeout=5)
        return next((line for line in reversed(self._output) if line.strip()), "")

    def _read(self) -> None:
        assert self._process.stdout is not None, "opened as a pipe"
        for line in self._process.stdout:
            self._reports.put(json.loads(line))
        self._reports.put({"type": "end"})

    def _drain(self) -> None:
        assert self._process.stderr is not None, "opened as a pipe"
        for line in self._process.stderr:
            self._output.append(line.decode(errors="replace").strip())


def _died(name: str, where: Endpoint, child: Child) -> ModelError:
    return ModelError("hub.child_died", name=name, host=where.host, last_words=child.last_words or "-")
