"""The store's tables, as the steps that led to them: `PRAGMA user_version` is the number of steps taken."""

import json
import sqlite3
from collections.abc import Callable

from workbench.runs.facts import Facts, config_hash, facts_of


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


def _what_is_filtered_by(connection: sqlite3.Connection) -> None:
    """Documents in a table of their own: rows of a hundred bytes are searched, not of ten thousand."""
    for statement in (
        "ALTER TABLE runs RENAME TO old",
        "CREATE TABLE runs (id INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, kind TEXT NOT NULL, model TEXT,"
        " machine TEXT, config_hash TEXT NOT NULL, content TEXT NOT NULL)",
        "CREATE TABLE documents (run INTEGER PRIMARY KEY, document TEXT NOT NULL)",
        # once for each configuration, not for each run: there are few of them
        "CREATE TABLE knobs (knob TEXT NOT NULL, config_hash TEXT NOT NULL, value TEXT NOT NULL,"
        " PRIMARY KEY (knob, config_hash)) WITHOUT ROWID",
        "CREATE TABLE numbers (run INTEGER NOT NULL, name TEXT NOT NULL, value REAL NOT NULL,"
        " PRIMARY KEY (run, name)) WITHOUT ROWID",
        "CREATE TABLE tags (run INTEGER NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (run, tag)) WITHOUT ROWID",
        "CREATE TRIGGER runs_deleted AFTER DELETE ON runs BEGIN"
        " DELETE FROM documents WHERE run = old.id;"
        " DELETE FROM numbers WHERE run = old.id;"
        " DELETE FROM tags WHERE run = old.id; END",
    ):
        connection.execute(statement)
    for number, when, document in connection.execute("SELECT id, time, document FROM old ORDER BY id"):
        insert(connection, when, document, facts_of(json.loads(document), when), number)
    for statement in (
        "DELETE FROM sqlite_sequence WHERE name = 'runs'",  # a number that was deleted is not used again
        "INSERT INTO sqlite_sequence (name, seq) SELECT 'runs', seq FROM sqlite_sequence WHERE name = 'old'",
        "DROP TABLE old",
        "CREATE INDEX runs_by_time ON runs (time)",
        "CREATE INDEX runs_by_kind ON runs (kind, model, time)",
        "CREATE INDEX runs_by_machine ON runs (machine, time)",
        "CREATE INDEX runs_by_config ON runs (config_hash, time)",
        "CREATE INDEX runs_by_content ON runs (content)",
        "CREATE INDEX numbers_by_value ON numbers (name, value)",
        "CREATE INDEX tags_by_name ON tags (tag)",
    ):
        connection.execute(statement)


# only ever appended to: a store on someone's disk stands at one of these steps
MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_first, _add_config_hash, _what_is_filtered_by)
VERSION = len(MIGRATIONS)


def insert(connection: sqlite3.Connection, when: str, text: str, facts: Facts, number: int | None = None) -> int:
    """One record into all tables; its number."""
    cursor = connection.execute(
        "INSERT INTO runs (id, time, kind, model, machine, config_hash, content) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (number, when, facts.kind, facts.model, facts.machine, facts.config_hash, facts.content),
    )
    run = int(cursor.lastrowid or 0)
    connection.execute("INSERT INTO documents (run, document) VALUES (?, ?)", (run, text))
    connection.executemany(
        "INSERT OR IGNORE INTO knobs (knob, config_hash, value) VALUES (?, ?, ?)",
        [(knob, facts.config_hash, value) for knob, value in facts.knobs.items()],
    )
    connection.executemany(
        "INSERT INTO numbers (run, name, value) VALUES (?, ?, ?)",
        [(run, name, value) for name, value in facts.numbers.items()],
    )
    return run


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
