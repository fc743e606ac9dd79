"""The run store: one SQLite file that many notebooks and commands write to at once."""

import contextlib
import errno
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, Unpack

from workbench.errors import StoreError
from workbench.home import home
from workbench.machine.filesystems import mount_of
from workbench.runs.asking import Asking
from workbench.runs.conditions import Asked, moment_of, tag_of, where
from workbench.runs.facts import prepared
from workbench.runs.schema import VERSION, insert, migrate, version

BUSY_S = 30.0
_WAL = "WAL"
_SHARED = "TRUNCATE"  # a rollback journal that is emptied, not removed: one round trip less to a server
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
_READ_ONLY = ("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH")
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT")


class Runs(Asking):
    """Documents (see `workbench.results.document`) by number, newest first.

    path  default: runs.sqlite3 in the home directory; made when missing
    journal  SQLite's journal mode: "WAL", or "TRUNCATE" where the file lies on a network file system, because the
             index of a write-ahead log is memory that all writers share (https://sqlite.org/wal.html); None: by place

    Safe from several threads and several processes; each `add` is one transaction, so that a killed process loses at
    most the record in flight. StoreError: written by a newer version, damaged, read-only, disk full.
    """

    def __init__(self, path: str | Path | None = None, *, journal: str | None = None) -> None:
        self.path = Path(path) if path is not None else home() / "runs.sqlite3"
        self.journal = journal or ""
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            code = "runs.read_only" if error.errno in _REFUSED else "runs.cannot_open"
            raise StoreError(code, path=str(self.path), problem=error.strerror or str(error)) from error
        if not self.journal:
            self.journal = _SHARED if mount_of(self.path.parent).network else _WAL
        with self._translated():
            connection = sqlite3.connect(
                self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
            )  # transactions are begun by hand; threads take turns through the lock
            try:
                self._prepare(connection)
            except (sqlite3.Error, StoreError):
                connection.close()
                raise
        self._connection = connection

    def add(self, document: dict[str, Any]) -> int:
        """Stores one document and gives its number. It needs `schema`; see `filter` for what it is found by."""
        return self.add_all([document])[0]

    def add_all(self, documents: Iterable[dict[str, Any]]) -> tuple[int, ...]:
        """Stores all of them in one transaction, or none; their numbers."""
        with self._writing() as connection:
            return tuple(self._insert(connection, document) for document in documents)

    def get(self, number: int) -> dict[str, Any]:
        """The document of that number, with its `id`, `time` (UTC, ISO 8601) and `tags`. StoreError: there is none."""
        found = list(self.records([number]))
        if not found:
            raise StoreError("runs.no_such_run", number=number)
        return found[0]

    def tag(self, number: int, *names: str) -> None:
        """Names a run; letters, digits and . : @ + - _. StoreError: no such run; ConfigError: no such name."""
        words = [tag_of(name) for name in names]
        with self._writing() as connection:
            self._must_be(connection, number)
            connection.executemany("INSERT OR IGNORE INTO tags VALUES (?, ?)", [(number, word) for word in words])

    def untag(self, number: int, *names: str) -> None:
        """Takes names from a run; one that it has not is no error."""
        with self._writing() as connection:
            self._must_be(connection, number)
            connection.executemany("DELETE FROM tags WHERE run = ? AND tag = ?", [(number, name) for name in names])

    def delete(self, number: int | None = None, *, everything: bool = False, **asked: Unpack[Asked]) -> int:
        """Removes one run, or all that `filter` would find without a limit; how many. Numbers are not used again.

        StoreError: there is no such run; nothing was named and `everything` was not said.
        """
        if number is None and not everything and not any(value is not None for value in asked.values()):
            raise StoreError("runs.delete_what")
        condition, values = where(asked) if number is None else (" WHERE id = ?", [number])
        with self._writing() as connection:
            if number is not None:
                self._must_be(connection, number)
            return connection.execute(f"DELETE FROM runs{condition}", values).rowcount

    def close(self) -> None:
        """Idempotent; the file stays."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Runs({str(self.path)!r})"

    def _prepare(self, connection: sqlite3.Connection) -> None:
        found = version(connection)
        if found > VERSION:  # before anything is written
            raise StoreError("runs.newer", path=str(self.path), found=found, known=VERSION)
        self.journal = _set_journal(connection, self.journal)
        connection.execute("PRAGMA synchronous = FULL")  # a record is rare and dear: let it survive a power cut too
        if version(connection) < VERSION:
            try:
                migrate(connection)
            except (KeyError, TypeError, ValueError) as error:
                raise StoreError("runs.damaged", path=str(self.path), problem=f"a record: {error}") from error

    def _insert(self, connection: sqlite3.Connection, document: dict[str, Any]) -> int:
        now = moment_of(datetime.now(UTC))
        text, facts = prepared(document, now)
        return insert(connection, now, text, facts)

    def _must_be(self, connection: sqlite3.Connection, number: int) -> None:
        if connection.execute("SELECT 1 FROM runs WHERE id = ?", (number,)).fetchone() is None:
            raise StoreError("runs.no_such_run", number=number)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._translated():
            if self._connection is None:
                raise StoreError("runs.closed", path=str(self.path))
            yield self._connection

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", None) or type(error).__name__
            code = "runs.failed"
            if name.startswith(_READ_ONLY):
                code = "runs.read_only"
            elif name.startswith(_DAMAGED):
                code = "runs.damaged"
            elif name == "SQLITE_FULL":
                code = "runs.full"
            elif name.startswith("SQLITE_BUSY"):
                code = "runs.busy"
            elif name.startswith("SQLITE_CANTOPEN"):
                writable = not self.path.parent.is_dir() or os.access(self.path.parent, os.W_OK | os.X_OK)
                code = "runs.cannot_open" if writable else "runs.read_only"
            raise StoreError(code, path=str(self.path), problem=f"{error} ({name})") from error


def _set_journal(connection: sqlite3.Connection, wanted: str) -> str:
    """Switches to that journal mode, or to the one for shared disks where SQLite finds it cannot; returns the mode."""
    deadline = time.monotonic() + BUSY_S
    while True:
        try:  # this switch does not wait for its lock as other statements do
            answer = str(connection.execute(f"PRAGMA journal_mode = {wanted}").fetchone()[0]).upper()
        except sqlite3.OperationalError as error:
            name = error.sqlite_errorname or ""
            if name.startswith("SQLITE_IOERR_SHM") and wanted == _WAL:  # no shared memory for the log's index here
                wanted = _SHARED
                continue
            if name != "SQLITE_BUSY" or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
            continue
        if answer == wanted or wanted != _WAL:
            return answer
        wanted = _SHARED  # SQLite kept what it had: this file system has no way to share memory
