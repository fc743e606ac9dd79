"""The store's tables, as the steps that led to them: `PRAGMA user_version` is the number of steps taken."""

import hashlib
import json
import sqlite3
from collections.abc import Callable
from typing import Any


def config_hash(config: Any) -> str:
    """The same for the same knob values, whatever their order; "" for a record without a config."""
    if config is None:
        return ""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16]


def _first(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TABLE runs (id INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, kind TEXT NOT NULL,"
        " model TEXT, document TEXT NOT NULL)"
    )
    connection.execute("CREATE INDEX runs_by_kind ON runs (kind, model, id)")


def _add_config_hash(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE runs ADD COLUMN config_hash TEXT NOT NULL DEFAULT ''")
    rows = connection.execute("SELECT id, document FROM runs").fetchall()
    connection.executemany(
        "UPDATE runs SET config_hash = ? WHERE id = ?",
        [(config_hash(json.loads(document).get("config")), number) for number, document in rows],
    )
    connection.execute("CREATE INDEX runs_by_config ON runs (config_hash, id)")


# only ever appended to: a store on someone's disk stands at one of these steps
MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_first, _add_config_hash)
VERSION = len(MIGRATIONS)


def migrate(connection: sqlite3.Connection) -> None:
    """Brings the store to VERSION, all steps or none. Two processes at once: the second finds it done."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        done = version(connection)
        for step in MIGRATIONS[done:]:
            step(connection)
        if done < VERSION:
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
