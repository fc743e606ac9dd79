"""`python -P -m workbench.hub.fetching`: one download, asked for by a line of JSON on stdin, told in lines on stdout.

It ends when stdin does: then nobody waits for it any more.
"""

import json
import os
import sys
import threading
from collections.abc import Callable
from typing import Any, TextIO

from workbench.errors import WorkbenchError
from workbench.hub.endpoints import host_of
from workbench.words import say
from workbench.words.message import Message

_EVERY_S = 0.25


class Reporter:
    """What the downloading code says to the process that started it. Its methods may be called from any thread."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lock = threading.Lock()
        self._alive = 0

    def send(self, report: str, /, **data: Any) -> None:
        with self._lock:
            self._out.write(json.dumps({"type": report, **data}) + "\n")
            self._out.flush()

    def note(self, message: Message) -> None:
        self.send("note", what=message.model_dump(mode="json"))

    def alive(self) -> None:
        """Work goes on that brings no bytes."""
        self._alive += 1

    def watch(self, what: Message, total: int, here: Callable[[], int]) -> None:
        """Says at once and from now on how many bytes are `here`, asked of the disk: the same for every client."""
        words = what.model_dump(mode="json")

        def tell() -> None:
            self.send("bytes", what=words, done=min(here(), total), total=total, alive=self._alive)

        def go_on() -> None:
            tick = threading.Event()
            while not tick.wait(_EVERY_S):
                tell()

        tell()
        threading.Thread(target=go_on, daemon=True, name="bytes-here").start()


def main() -> None:
    # What libraries print must not get among the reports.
    reports = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_stdin, daemon=True, name="owner").start()
    reporter = Reporter(reports)
    try:
        reporter.send("done", path=str(_fetch(request, reporter)))
    except WorkbenchError as error:
        reporter.send("error", kind=type(error).__name__, code=error.code, params=error.params)
    os._exit(0)  # threads that still fetch are not waited for


def _fetch(request: dict[str, Any], reporter: Reporter) -> object:
    asked = (request["name"], request["revision"], request["allow_pickle"], request["url"])
    reporter.note(say("hub.asking", name=request["name"], host=host_of(request["url"])))
    if request["kind"] == "modelscope":
        from workbench.hub import modelscope

        return modelscope.fetch(*asked, reporter)
    from workbench.hub import huggingface

    return huggingface.fetch(*asked, reporter)


def _end_with_stdin() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    main()
