"""The run store: one SQLite file that many notebooks and commands write to at once."""

import contextlib
import errno
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from workbench.errors import StoreError
from workbench.home import home
from workbench.machine.filesystems import mount_of
from workbench.runs.schema import VERSION, config_hash, migrate, version

BUSY_S = 30.0
_WAL = "WAL"
_SHARED = "TRUNCATE"  # a rollback journal that is emptied, not removed: one round trip less to a server
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
_READ_ONLY = ("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH")
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT")


class Runs:
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
        """Stores one document and gives its number. It needs `schema`; `model` and `config` are indexed."""
        try:
            kind = str(document["schema"]).removeprefix("workbench.").partition("/")[0]
            text = json.dumps(document)  # escaped: half a surrogate pair, which SQLite refuses, survives too
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError("runs.bad_document", problem=f"{type(error).__name__}: {error}") from error
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        with self._writing() as connection:
            cursor = connection.execute(
                "INSERT INTO runs (time, kind, model, config_hash, document) VALUES (?, ?, ?, ?, ?)",
                (now, kind, document.get("model"), config_hash(document.get("config")), text),
            )
            return int(cursor.lastrowid or 0)

    def get(self, number: int) -> dict[str, Any]:
        """The document of that number, with its `id` and `time` (UTC, ISO 8601). StoreError when there is none."""
        with self._reading() as connection:
            row = connection.execute("SELECT id, time, document FROM runs WHERE id = ?", (number,)).fetchone()
        if row is None:
            raise StoreError("runs.no_such_run", number=number)
        return self._document(row)

    def list(
        self,
        kind: str | None = None,
        model: str | None = None,
        limit: int = 100,
        config: Any = None,
    ) -> list[dict[str, Any]]:
        """The newest `limit` documents, newest first, of that kind, model and config (all knobs equal)."""
        condition, values = _where(kind, model, config)
        with self._reading() as connection:
            rows = connection.execute(
                f"SELECT id, time, document FROM runs{condition} ORDER BY id DESC LIMIT ?", (*values, limit)
            ).fetchall()
        return [self._document(row) for row in rows]

    def count(self, kind: str | None = None, model: str | None = None) -> int:
        condition, values = _where(kind, model, None)
        with self._reading() as connection:
            return int(connection.execute(f"SELECT count(*) FROM runs{condition}", values).fetchone()[0])

    def delete(self, number: int) -> None:
        """Removes one document; its number is not used again. StoreError when there is none."""
        with self._writing() as connection:
            if connection.execute("DELETE FROM runs WHERE id = ?", (number,)).rowcount == 0:
                raise StoreError("runs.no_such_run", number=number)

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
            migrate(connection)

    def _document(self, row: tuple[int, str, str]) -> dict[str, Any]:
        number, when, text = row
        try:
            return {"id": number, "time": when, **json.loads(text)}
        except ValueError as error:
            raise StoreError("runs.damaged", path=str(self.path), problem=f"record {number}: {error}") from error

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


def _where(kind: str | None, model: str | None, config: Any) -> tuple[str, tuple[str, ...]]:
    given = {"kind": kind, "model": model, "config_hash": None if config is None else config_hash(_plain(config))}
    asked = {column: value for column, value in given.items() if value is not None}
    return (" WHERE " + " AND ".join(f"{column} = ?" for column in asked) if asked else ""), tuple(asked.values())


def _plain(config: Any) -> Any:
    return config.to_dict() if hasattr(config, "to_dict") else config
