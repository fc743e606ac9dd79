"""Starts the other ranks of a worker: helper processes in its own process group, so that they end with it."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import psutil

from workbench.engine.ranks import Leader
from workbench.hosts.pipes import Channel

_MEETING = "workbench-ranks-"  # + the worker's process id and a random word
_STALE_S = 24 * 3600.0


class Followers:
    """Ranks 1 to `size` - 1, each in a process; `store`: the file by which all of them meet."""

    def __init__(self, size: int) -> None:
        _sweep()
        # a folder that no other user can enter, on this machine
        self.store = str(Path(tempfile.mkdtemp(prefix=f"{_MEETING}{os.getpid()}-")) / "store")
        self._channels = [self._start(rank) for rank in range(1, size)]

    def leader(self, threads: dict[str, Any] | None, on_lost: Callable[[int, str], None]) -> Leader:
        """What the first rank's engine leads by. threads: the choice of each rank, a ThreadChoice as a dict."""
        for channel in self._channels:
            channel.wire.send({"type": "setup", "threads": threads})
        return Leader([channel.wire for channel in self._channels], on_lost)

    def _start(self, rank: int) -> Channel:
        channel = Channel()
        command = [sys.executable, "-P", "-m", "workbench.hosts.follower", *channel.arguments]
        process = subprocess.Popen(
            [*command, "--store", self.store],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            **channel.popen_options(own_session=False),  # type: ignore[call-overload]
        )
        channel.forget_child_end()
        assert process.stdout is not None, "opened as a pipe"
        threading.Thread(target=_pass_on, args=(process, process.stdout), daemon=True, name=f"output-{rank}").start()
        return channel


def _sweep() -> None:
    """Folders of workers that are gone: one that is killed cleans nothing up. Young ones may be another container's."""
    for each in Path(tempfile.gettempdir()).glob(f"{_MEETING}*"):
        named = re.fullmatch(rf"{_MEETING}(\d+)-\w+", each.name)
        with contextlib.suppress(OSError):  # another user's, or just gone
            if named and not psutil.pid_exists(int(named[1])) and time.time() - each.stat().st_mtime > _STALE_S:
                shutil.rmtree(each, ignore_errors=True)


def _pass_on(process: "subprocess.Popen[Any]", output: BinaryIO) -> None:
    """What a rank prints goes where this process's own words go, whoever reads them by then."""
    for line in output:
        os.write(1, line)
    process.wait()
