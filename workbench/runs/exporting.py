"""Records as a file to take away: whole (JSON, one document or a record a line), or as a table (CSV)."""

import csv
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

from workbench.errors import ConfigError, StoreError
from workbench.judging import COMPARED
from workbench.knobs import KNOBS
from workbench.metrics import METRICS

SCHEMA = "workbench.runs/1"

Record = Mapping[str, Any]

_WORK = ("prompt_tokens", "new_tokens", "batch_size")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would compute


def write(path: Path, records: Iterable[Record], count: int, *, every_knob: bool = False) -> int:
    """`records` into `path`, by its ending; whole, or not at all. How many were written."""
    writers: dict[str, Callable[[TextIO], int]] = {
        ".json": lambda file: _json(file, records),
        ".jsonl": lambda file: _lines(file, records, count),
        ".csv": lambda file: _table(file, records, every_knob),
    }
    if path.suffix.lower() not in writers:
        raise ConfigError("runs.export_ending", path=str(path), endings=", ".join(writers))
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            written = writers[path.suffix.lower()](file)
        unfinished.replace(path)
    except OSError as error:
        raise StoreError("runs.export_failed", path=str(path), problem=error.strerror or str(error)) from error
    finally:
        unfinished.unlink(missing_ok=True)
    return written


def _json(file: TextIO, records: Iterable[Record]) -> int:
    """The document that `workbench runs list --json` prints; a record at a time, so that memory holds few."""
    written = 0
    file.write(f'{{"schema": {json.dumps(SCHEMA)}, "runs": [')
    for record in records:
        file.write(("," if written else "") + "\n" + json.dumps(record))
        written += 1
    file.write("\n]}\n")
    return written


def _lines(file: TextIO, records: Iterable[Record], count: int) -> int:
    """The first line tells how many follow: a file that was cut short is known by it."""
    written = 0
    file.write(json.dumps({"schema": SCHEMA, "records": count}) + "\n")
    for record in records:
        file.write(json.dumps(record) + "\n")
        written += 1
    if written != count:
        raise OSError(f"the store changed meanwhile: {written} of {count} records were there")
    return written


def _table(file: TextIO, records: Iterable[Record], every_knob: bool) -> int:
    """Numbers in the units that their names say; `_low` and `_high` are ends of 95 % intervals."""
    rows = [_row(record) for record in records]
    knobs = [knob for knob in _in_order(rows, "knobs", KNOBS) if every_knob or any(_changed(row, knob) for row in rows)]
    metrics = _in_order(rows, "metrics", METRICS)
    bounded = [metric for metric in metrics if metric in COMPARED]
    writer = csv.writer(file, lineterminator="\n")
    ends = [f"{metric}_{end}" for metric in bounded for end in ("low", "high")]
    writer.writerow(["id", "time", "kind", "model", "machine", "tags", *_WORK, *knobs, *metrics, *ends])
    for row in rows:
        cells = [*row["head"], *(row["work"].get(name) for name in _WORK)]
        cells += [row["knobs"].get(knob) for knob in knobs]
        cells += [row["metrics"].get(metric) for metric in metrics]
        cells += [bound for metric in bounded for bound in row["ci95"].get(metric, (None, None))]
        writer.writerow([_cell(cell) for cell in cells])
    return len(rows)


def _row(record: Record) -> dict[str, Any]:
    """What a table shows of a record: a fraction of it."""
    machine, result = record.get("machine"), record.get("result")
    result = result if isinstance(result, Mapping) else {}
    label = machine.get("label") if isinstance(machine, Mapping) else machine
    kind = str(record["schema"]).removeprefix("workbench.").partition("/")[0]
    return {
        "head": [record["id"], record["time"], kind, record.get("model"), label, " ".join(record["tags"])],
        "work": record.get("workload") or {},
        "knobs": record.get("config") or {},
        "metrics": {name: result[name] for name in METRICS if isinstance(result.get(name), int | float)},
        "ci95": result.get("ci95") or {},
    }


def _in_order(rows: list[dict[str, Any]], part: str, known: Iterable[str]) -> list[str]:
    """Names that any row has: those that are known in their order, then the others."""
    found = dict.fromkeys(name for row in rows for name in row[part])
    return [*(name for name in known if name in found), *(name for name in found if name not in set(known))]


def _changed(row: dict[str, Any], knob: str) -> bool:
    if knob not in row["knobs"]:
        return False
    default = KNOBS[knob].default if knob in KNOBS else None
    return bool(row["knobs"][knob] != (list(default) if isinstance(default, tuple) else default))


def _cell(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula is marked as text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    written = written.encode(errors="replace").decode()
    return f"'{written}" if written.startswith(_FORMULA) else written
