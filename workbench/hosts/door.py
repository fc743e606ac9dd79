"""The door of a worker: a private Unix socket at which another notebook may ask for its engine.

A request is one JSON line, with descriptors beside it; the answer is another. When an engine changes hands the same
connection becomes its wire, and the descriptor takes the worker's output. Windows passes no descriptors: no door there.
"""

import contextlib
import json
import os
import socket
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

PATIENCE_S = 5.0
_LONGEST = 100  # bytes of a path that every system's sockaddr_un holds


class Door:
    """The worker's side. `fileno` for select; `answer` when it is ready."""

    def __init__(self) -> None:
        folder = _folder()
        _clear(folder)
        self.path = str(folder / f"{os.getpid()}.sock")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.bind(self.path)
            self._socket.listen()
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        return self._socket.fileno()

    def answer(self) -> "Visit | None":
        """The request that waits; None when whoever knocked went away or spoke nonsense."""
        visitor, _ = self._socket.accept()
        visitor.settimeout(PATIENCE_S)
        try:
            request, descriptors = _receive(visitor)
        except (OSError, ValueError):
            visitor.close()
            return None
        visitor.settimeout(None)
        return Visit(request, descriptors, visitor)

    def close(self) -> None:
        self._socket.close()
        Path(self.path).unlink(missing_ok=True)


class Visit:
    """One request, its descriptors, and the connection it came by."""

    def __init__(self, request: dict[str, Any], descriptors: list[int], connection: socket.socket) -> None:
        self.request = request
        self.descriptors = descriptors
        self.connection = connection

    def reply(self, answer: dict[str, Any]) -> bool:
        """False when the visitor did not wait for it."""
        try:
            _send(self.connection, answer, ())
        except OSError:
            return False
        return True

    def close(self) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.connection.close()


def door() -> Door | None:
    """A door where the system has them and lets us; None elsewhere."""
    if not hasattr(socket, "send_fds") or not hasattr(socket, "AF_UNIX"):
        return None
    try:
        return Door()
    except OSError:
        return None


def knock(path: str, request: dict[str, Any], descriptors: Sequence[int] = ()) -> tuple[dict[str, Any], socket.socket]:
    """Asks at a worker's door; its answer and the open connection. OSError when nobody answers in time."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(PATIENCE_S)
        connection.connect(path)
        _send(connection, request, descriptors)
        answer, _ = _receive(connection)
    except ValueError as error:
        connection.close()
        raise OSError(str(error)) from error
    except OSError:
        connection.close()
        raise
    connection.settimeout(None)
    return answer, connection


def _send(connection: socket.socket, message: dict[str, Any], descriptors: Sequence[int]) -> None:
    data = json.dumps(message).encode() + b"\n"
    sent = socket.send_fds(connection, [data], list(descriptors))
    if sent < len(data):  # sending nothing fails too when the other end has answered and gone
        connection.sendall(data[sent:])


def _receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """One line, byte by byte at its end: what follows belongs to the wire."""
    line = b""
    descriptors: list[int] = []
    while not line.endswith(b"\n"):
        waiting = connection.recv(65536, socket.MSG_PEEK)
        if not waiting or len(line) > 65536:
            _close(descriptors)
            raise ValueError("no whole request")
        take = waiting.find(b"\n") + 1 or len(waiting)
        part, new, _flags, _address = socket.recv_fds(connection, take, 1)
        line += part
        descriptors += new
    message = json.loads(line)
    if not isinstance(message, dict):
        _close(descriptors)
        raise ValueError("not a request")
    return message, descriptors


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)


def _clear(folder: Path) -> None:
    """Takes away the sockets of processes that are gone, and of one that had this process's number."""
    for path in folder.glob("*.sock"):
        if path.stem == str(os.getpid()) or not psutil.pid_exists(int(path.stem)):
            path.unlink(missing_ok=True)


def _folder() -> Path:
    """A folder that only this user can enter. OSError when it belongs to someone else."""
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    folder = Path(base) / f"deepseek-workbench-{os.getuid()}"
    if len(os.fsencode(folder)) > _LONGEST - 16:
        folder = Path("/tmp") / folder.name
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionError(f"{folder} is not this user's alone")
    return folder
