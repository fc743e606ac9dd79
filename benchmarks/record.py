"""What a benchmark returns, and how it is printed and written."""

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workbench.results import document
from workbench.words.format import THIN, interval, number


@dataclass(frozen=True)
class Row:
    """One number. `bounds`: 95 % interval; `limit`: what it must stay below, where a promise was made."""

    what: str
    value: float
    unit: str
    bounds: tuple[float, float] | None = None
    limit: float | None = None

    @property
    def kept(self) -> bool | None:
        return None if self.limit is None else self.value < self.limit

    def cells(self) -> tuple[str, str, str, str]:
        shown = f"{number(self.value)} {self.unit}".rstrip()
        bounds = interval(self.bounds) if self.bounds and all(map(math.isfinite, self.bounds)) else ""
        promise = f"< {self.limit or 0:g} {self.unit}".rstrip() + f": {'kept' if self.kept else 'NOT KEPT'}"
        return self.what, shown.replace(THIN, " "), bounds.replace(THIN, " "), promise if self.limit is not None else ""


@dataclass(frozen=True)
class Outcome:
    """All numbers of one benchmark with the conditions they hold under."""

    name: str
    question: str
    rows: tuple[Row, ...]
    conditions: dict[str, Any]
    samples: dict[str, list[float]]

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "rows": [{**asdict(row), "kept": row.kept} for row in self.rows]}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Outcome":
        rows = tuple(Row(**{key: _pair(value) for key, value in row.items() if key != "kept"}) for row in data["rows"])
        return cls(**{**data, "rows": rows})

    def table(self) -> str:
        cells = [row.cells() for row in self.rows]
        widths = [max(len(row[column]) for row in cells) for column in range(4)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
        ]
        said = ", ".join(f"{key} {value}" for key, value in self.conditions.items())
        return "\n".join([f"{self.name}: {self.question}", *(f"  {line}" for line in lines), f"  ({said})"])


def write(outcomes: Sequence[Outcome], machine: Any, folder: Path) -> Path:
    """One document of the schema workbench.benchmark/1; the machine by its label, without host name or paths."""
    record = document(
        "benchmark",
        machine={"label": machine.label, "platform": machine.platform, "python": machine.python},
        result={"benchmarks": [outcome.to_dict() for outcome in outcomes]},
    )
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "benchmarks.json"
    file.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return file


def median_row(what: str, samples: Sequence[float], limit: float | None = None) -> list[Row]:
    """The median in seconds, held to the limit, and the slowest beside it."""
    return [
        Row(f"{what}, median of {len(samples)}", statistics.median(samples), "s", limit=limit),
        Row(f"{what}, slowest", max(samples), "s"),
    ]


def _pair(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
