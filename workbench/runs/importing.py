"""Records from a file that another store wrote: nothing in it is believed before it was looked at."""

import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from workbench.config import Config
from workbench.errors import ConfigError, StoreError
from workbench.results import Comparison, Imported, Machine, Measurement, QualityDiff, Resolved, Workload
from workbench.results.base import Result
from workbench.runs.conditions import moment_of, tag_of
from workbench.runs.exporting import SCHEMA
from workbench.runs.facts import prepared
from workbench.runs.schema import insert
from workbench.words import Message, text

MOST_LINE_BYTES = 64 * 2**20  # of one record; real ones have kilobytes
MOST_DOCUMENT_BYTES = 2**30  # of a .json, which is read at once; .jsonl is not

_OWN = re.compile(r"workbench\.([a-z][a-z0-9_-]{0,63})/([0-9]{1,9})")
_KNOWN_VERSION = 1
# what the workbench reads again when it opens a store, a panel or an export: it must be what this version makes
_ENVELOPE: dict[str, type[Result]] = {"machine": Machine, "resolved": Resolved, "workload": Workload}
_SHAPES: dict[str, dict[str, type[Result]]] = {
    "measurement": {**_ENVELOPE, "result": Measurement},
    "comparison": {**_ENVELOPE, "result": Comparison},
    "quality": {"result": QualityDiff},
}
_STORED = ("id", "time", "tags")  # what a store adds to a document


def read(connection: sqlite3.Connection, path: Path, source: str) -> Imported:
    """All records of the file into the store, within the transaction that is open. StoreError: what is wrong, where."""
    source = tag_of(source)
    numbers: list[int] = []
    known = 0
    try:
        for place, record in _records(path):
            when, tags, document = _looked_at(record, path, place)
            text, facts = prepared(document, when)
            if connection.execute("SELECT 1 FROM runs WHERE content = ?", (facts.content,)).fetchone():
                known += 1
                continue
            number = insert(connection, when, text, facts)
            connection.executemany(
                "INSERT OR IGNORE INTO tags VALUES (?, ?)", [(number, tag) for tag in (*tags, source)]
            )
            numbers.append(number)
    except OSError as error:
        raise StoreError("runs.import_unreadable", path=str(path), problem=error.strerror or str(error)) from error
    return Imported(numbers=tuple(numbers), known=known, source=source)


def _records(path: Path) -> Iterator[tuple[int, Any]]:
    """(which one, counted from 1, and the record) of either form."""
    if path.suffix.lower() == ".jsonl":
        yield from _of_lines(path)
        return
    if path.stat().st_size > MOST_DOCUMENT_BYTES:
        raise _refused(path, 0, "runs.import.too_large", most=MOST_DOCUMENT_BYTES // 2**20)
    whole = _parsed(path.read_bytes(), path, 0)
    _check_head(whole, path)
    runs = whole.get("runs")
    if not isinstance(runs, list):
        raise _refused(path, 0, "runs.import.no_records")
    yield from enumerate(runs, start=1)


def _of_lines(path: Path) -> Iterator[tuple[int, Any]]:
    with path.open("rb") as file:
        head = _parsed(_line(file, path, 0), path, 0)
        _check_head(head, path)
        promised = head.get("records")
        if not isinstance(promised, int) or isinstance(promised, bool):
            raise _refused(path, 0, "runs.import.no_records")
        found = 0
        while line := _line(file, path, found + 1):
            if not line.strip():
                continue
            found += 1
            yield found, _parsed(line, path, found)
    if found != promised:
        raise _refused(path, found, "runs.import.cut_short", found=found, promised=promised)


def _line(file: Any, path: Path, place: int) -> bytes:
    line: bytes = file.readline(MOST_LINE_BYTES)
    if len(line) == MOST_LINE_BYTES:
        raise _refused(path, place, "runs.import.too_large", most=MOST_LINE_BYTES // 2**20)
    return line


def _parsed(data: bytes, path: Path, place: int) -> Any:
    try:
        return json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _refused(path, place, "runs.import.no_json", problem=str(error)) from error


def _check_head(head: Any, path: Path) -> None:
    schema = head.get("schema") if isinstance(head, dict) else None
    if schema == SCHEMA:
        return
    newer = isinstance(schema, str) and re.fullmatch(r"workbench\.runs/[0-9]{1,9}", schema)
    if newer:
        raise _refused(path, 0, "runs.import.newer", schema=schema)
    raise _refused(path, 0, "runs.import.no_export")


def _looked_at(record: Any, path: Path, place: int) -> tuple[str, list[str], dict[str, Any]]:
    """(time, tags, document) of a record in which everything is what it should be."""
    if not isinstance(record, dict):
        raise _refused(path, place, "runs.import.no_record")
    schema = _OWN.fullmatch(str(record.get("schema")))
    if schema is None:
        raise _refused(path, place, "runs.import.no_record")
    if int(schema[2]) > _KNOWN_VERSION:
        raise _refused(path, place, "runs.import.newer", schema=schema[0])
    document = {name: value for name, value in record.items() if name not in _STORED}
    _check_parts(document, path, place)
    tags = record.get("tags", [])
    try:
        if not isinstance(tags, list):
            raise _refused(path, place, "runs.import.part", part="tags")
        return moment_of(record.get("time", "")), [tag_of(tag) for tag in tags], document
    except ConfigError as error:
        raise _refused(path, place, "runs.import.said", problem=error.what) from error


def _check_parts(document: dict[str, Any], path: Path, place: int) -> None:
    kinds: dict[str, type] = {
        "model": str,
        "machine": dict,
        "versions": dict,
        "config": dict,
        "resolved": dict,
        "workload": dict,
        "flags": list,
    }
    for part, expected in kinds.items():
        if document.get(part) is not None and not isinstance(document[part], expected):
            raise _refused(path, place, "runs.import.part", part=part)
    kind = str(document["schema"]).partition(".")[2].partition("/")[0]
    try:
        if document.get("config") is not None:
            Config(**document["config"])
        for part, shape in _SHAPES.get(kind, {}).items():
            if part == "result" or document.get(part) is not None:
                shape.from_dict(document[part])
        for sentence in (*(document.get("flags") or []), *_sentences(document.get("result"))):
            str(Message(**sentence))  # one that this version has no words for cannot be shown
    except ConfigError as error:
        raise _refused(path, place, "runs.import.strange", kind=kind, problem=error.what) from error
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(str(part) for part in problem["loc"]) or "result"
        raise _refused(path, place, "runs.import.strange", kind=kind, problem=f"{field}: {problem['msg']}") from error
    except (KeyError, IndexError, ValueError, TypeError, AttributeError, RecursionError) as error:
        problem_told = f"{type(error).__name__} {error}"
        raise _refused(path, place, "runs.import.strange", kind=kind, problem=problem_told) from error


def _sentences(value: Any) -> Iterator[dict[str, Any]]:
    """Every stored message in a result, however deep."""
    if isinstance(value, dict):
        if value.keys() == {"code", "params"}:
            yield value
        else:
            for each in value.values():
                yield from _sentences(each)
    elif isinstance(value, list):
        for each in value:
            yield from _sentences(each)


def _refused(path: Path, place: int, code: str, **params: Any) -> StoreError:
    return StoreError("runs.import_refused", path=str(path), place=place, problem=text(code, **params))
