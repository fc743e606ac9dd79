"""What the store is asked: records by condition, counts, groups, two records side by side, a file of them."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median
from typing import Any, Unpack

from workbench.config import checked
from workbench.errors import StoreError
from workbench.knobs import KNOBS
from workbench.metrics import METRICS, Better
from workbench.results import Group, Imported, KeptComparison, KeptDiff
from workbench.runs import comparing, differing, exporting, importing
from workbench.runs.conditions import Asked, Narrowing, known_metric, where

_COLUMNS = ("kind", "model", "machine")
_AT_ONCE = 200  # documents in memory while all are gone through


class Asking:
    """Everything but writing single records; `Runs` has the file."""

    path: Path

    def filter(self, *, limit: int | None = 100, **asked: Unpack[Asked]) -> list[dict[str, Any]]:
        """The newest `limit` documents (None: all), newest measurement first, for which all of this holds.

        kind, machine         a word or several: "measurement", "AMD EPYC, 2 cores"
        model                 as records name it, or as it is opened: "demo", a hub id, a folder
        since, until          ISO 8601 or datetime; UTC where no zone is named; before `until`
        knobs                 {"attention": "sdpa", "dtype": ["float32", "bfloat16"]}: a list is one of these; a record
                              from before a knob existed has its default
        config                all knobs equal
        tag, untagged         with one of these tags; without any of them
        metrics               {"decode_tps": (10, None)}: from 10 on; a record that lacks the metric is left out

        ConfigError: a name, knob, value, metric or time that does not exist.
        """
        return list(self.records(self._numbers(asked, limit)))

    def list(
        self, kind: str | None = None, model: str | None = None, limit: int | None = 100, config: Any = None
    ) -> list[dict[str, Any]]:
        """The newest `limit` documents, newest first, of that kind, model and config (all knobs equal)."""
        return self.filter(limit=limit, kind=kind, model=model, config=config)

    def count(self, kind: str | None = None, model: str | None = None, **asked: Unpack[Narrowing]) -> int:
        """How many `filter` would find without a limit."""
        condition, values = where(Asked(kind=kind, model=model, **asked))
        with self._reading() as connection:
            return int(connection.execute(f"SELECT count(*) FROM runs{condition}", values).fetchone()[0])

    def tags(self) -> dict[str, int]:
        """Every tag and how many runs have it."""
        with self._reading() as connection:
            return dict(connection.execute("SELECT tag, count(*) FROM tags GROUP BY tag ORDER BY tag").fetchall())

    def group(self, by: str, metric: str | None = None, **asked: Unpack[Asked]) -> tuple[Group, ...]:
        """How many runs each kind, model, machine or value of a knob has, of those that `filter` would find.

        metric  the best and the median of it too, of the means that runs recorded; then the best group comes first.
                Single runs of any day and workload stand beside each other: narrow them down, and let `compare` judge.

        ConfigError: neither a knob nor one of the three; an unknown metric.
        """
        condition, values = where(asked)
        column, join = f"r.{by}", ""
        if by not in _COLUMNS:
            checked(by, KNOBS[by].default if by in KNOBS else None)
            column = "k.value"
            join = " LEFT JOIN knobs k ON k.knob = ? AND k.config_hash = r.config_hash"
            values = [*values, by]
        statement = (
            f"SELECT {column}, r.id, n.value FROM (SELECT * FROM runs{condition}) r{join}"
            " LEFT JOIN numbers n ON n.run = r.id AND n.name = ?"
        )
        with self._reading() as connection:
            rows = connection.execute(statement, [*values, known_metric(metric) if metric else ""]).fetchall()
        return _groups(by, metric, rows)

    def compare(self, a: int | Mapping[str, Any], b: int | Mapping[str, Any]) -> KeptComparison:
        """Two kept measurements by metric, b ÷ a, each with the interval that both recorded; numbers or documents.

        Not paired: what changed on the machine between the two runs is in the ratio. ConfigError: no measurement.
        """
        return comparing.compared(self._document(a), self._document(b))

    def diff(self, a: int | Mapping[str, Any], b: int | Mapping[str, Any]) -> KeptDiff:
        """What differs between two records: configuration, what was in force, versions, machine, numbers."""
        return differing.differences(self._document(a), self._document(b))

    def export(self, path: str | Path, *, every_knob: bool = False, **asked: Unpack[Asked]) -> int:
        """Writes what `filter` would find without a limit, oldest first; how many records.

        path        .csv: a table, which `load` does not read back; .json or .jsonl (a record a line): whole records
        every_knob  columns of a table for all knobs, not only for those that somewhere differ from the default

        An existing file is replaced once the new one is whole. ConfigError: another ending. StoreError: not writable.
        """
        numbers = list(reversed(self._numbers(asked, None)))
        return exporting.write(Path(path), self.records(numbers), len(numbers), every_knob=every_knob)

    def load(self, path: str | Path, *, source: str = "imported") -> Imported:
        """Takes the records of a .json or .jsonl file that `export` wrote, on this machine or another: all or none.

        source  a tag that each new record gets; they keep their time, machine and tags

        A record that is here already, with the same time and content, is left as it is. StoreError: not readable,
        damaged, changed by hand, or written by a newer workbench; then nothing was taken.
        """
        with self._writing() as connection:
            return importing.read(connection, Path(path), source)

    def records(self, numbers: Iterable[int]) -> Iterator[dict[str, Any]]:
        """The documents of these numbers, in this order; a number without a record is left out. StoreError: damaged."""
        wanted = [*numbers]
        for first in range(0, len(wanted), _AT_ONCE):
            part = wanted[first : first + _AT_ONCE]
            with self._reading() as connection:
                rows = connection.execute(
                    "SELECT id, time, document, (SELECT group_concat(tag, ' ') FROM tags WHERE run = id)"
                    f" FROM runs JOIN documents ON run = id WHERE id IN ({', '.join('?' * len(part))})",
                    part,
                ).fetchall()
            found = {row[0]: row for row in rows}
            yield from (self._record(found[number]) for number in part if number in found)

    def _record(self, row: tuple[int, str, str, str | None]) -> dict[str, Any]:
        number, when, text, tags = row
        try:
            return {"id": number, "time": when, "tags": sorted((tags or "").split()), **json.loads(text)}
        except ValueError as error:
            raise StoreError("runs.damaged", path=str(self.path), problem=f"record {number}: {error}") from error

    def _numbers(self, asked: Asked, limit: int | None) -> Sequence[int]:
        condition, values = where(asked)
        statement = f"SELECT id FROM runs{condition} ORDER BY time DESC, id DESC LIMIT ?"
        with self._reading() as connection:
            return [row[0] for row in connection.execute(statement, [*values, -1 if limit is None else limit])]

    def _document(self, given: int | Mapping[str, Any]) -> Mapping[str, Any]:
        return self.get(given) if isinstance(given, int) else given

    def get(self, number: int) -> dict[str, Any]:
        raise NotImplementedError

    def _reading(self) -> AbstractContextManager[sqlite3.Connection]:
        raise NotImplementedError

    def _writing(self) -> AbstractContextManager[sqlite3.Connection]:
        raise NotImplementedError


def _groups(by: str, metric: str | None, rows: "list[tuple[str | None, int, float | None]]") -> tuple[Group, ...]:
    gathered: dict[str | None, list[tuple[int, float | None]]] = {}
    for key, number, value in rows:
        gathered.setdefault(key, []).append((number, value))
    sign = -1 if metric and METRICS[metric].better is Better.HIGHER else 1
    found = []
    for key, runs in gathered.items():
        known = [(value, number) for number, value in runs if value is not None]
        best, best_run = min(known, key=lambda pair: sign * pair[0]) if known else (None, None)
        shown = json.loads(key) if key is not None and by not in _COLUMNS else key
        middle = median(value for value, _ in known) if known else None
        found.append(
            Group(
                by=by,
                value=shown,
                runs=len(runs),
                metric=metric,
                measured=len(known),
                best=best,
                best_run=best_run,
                median=middle,
            )
        )
    return tuple(
        sorted(found, key=lambda group: (group.best is None, sign * (group.best or 0.0), -group.runs, str(group.value)))
    )
