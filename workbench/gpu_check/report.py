"""What a GPU check found: one JSON document and one Markdown page."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from pydantic import Field

from workbench.export.numbers import conditions, rows
from workbench.results import Machine, Measurement, Result, document, versions
from workbench.words import text
from workbench.words.format import THIN, seconds

FILE = "gpu-check.json"
_EVERYWHERE = {"part", "seconds"}


class SectionReport(Result):
    """One section. `found` None: it failed, and `error` has the words."""

    name: str
    ok: bool
    seconds: float
    found: dict[str, Any] | None
    error: str | None = None


class Report(Result):
    """Everything found so far. `rehearsal`: taken on a CPU, so that nothing in it is a GPU's number."""

    machine: Machine
    rehearsal: bool
    sections: tuple[SectionReport, ...]
    versions: dict[str, str] = Field(default_factory=versions)

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """What `write` left in `folder`; None where there is nothing, or of another version's making."""
        try:
            kept = json.loads((folder / FILE).read_text(encoding="utf-8"))
            result = kept["result"]
            return cls(
                machine=Machine.from_dict(kept["machine"]),
                rehearsal=result["rehearsal"],
                sections=tuple(SectionReport.from_dict(section) for section in result["sections"]),
                versions={name: version for name, version in kept["versions"].items() if name != "workbench"},
            )
        except (OSError, ValueError, KeyError, TypeError):  # pydantic's own errors are ValueErrors
            return None

    @property
    def conditions(self) -> tuple[object, ...]:
        """What two reports must share for their sections to stand in one."""
        gpus = tuple((gpu.name, gpu.uuid, gpu.driver) for gpu in self.machine.gpus)
        return self.machine.label, gpus, tuple(sorted(self.versions.items())), self.rehearsal

    @property
    def ok(self) -> bool:
        return all(section.ok for section in self.sections)

    @property
    def title(self) -> str:
        return text("gpu.rehearsal" if self.rehearsal else "gpu.title", machine=self.machine.label)

    def document(self) -> dict[str, Any]:
        """The stored form, in the envelope of every record."""
        result = {"label": self.title, "rehearsal": self.rehearsal, "ok": self.ok}
        found = [section.to_dict() for section in self.sections]
        return document("gpu_check", machine=self.machine, result={**result, "sections": found})

    def markdown(self) -> str:
        """The page for people."""
        built = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        lines = [f"# {self.title}", "", f"{self.machine.platform}, Python {self.machine.python}, {built}", ""]
        for section in self.sections:
            lines += [f"## {section.name}", "", _outcome(section), "", *_body(section)]
        return "\n".join(lines).rstrip() + "\n"

    def write(self, folder: Path) -> None:
        """gpu-check.json and gpu-check.md in `folder`, each replaced whole."""
        folder.mkdir(parents=True, exist_ok=True)
        pages = {
            FILE: json.dumps(self.document(), indent=1, ensure_ascii=False),
            "gpu-check.md": self.markdown(),
        }
        for name, content in pages.items():
            unfinished = folder / f"{name}.{os.getpid()}.tmp"
            unfinished.write_text(content, encoding="utf-8")
            unfinished.replace(folder / name)


def _outcome(section: SectionReport) -> str:
    took = seconds(section.seconds).replace(THIN, " ")
    return text("gpu.section_ok", seconds=took) if section.ok else text("gpu.section_failed", seconds=took)


def _body(section: SectionReport) -> list[str]:
    if section.found is None:
        return ["```", *(section.error or "").splitlines(), "```", ""]
    found = section.found
    match section.name:
        case "environment":
            return [
                *_table(("", "", ""), found["rows"]),
                *_table(("package", "found", "usable", "purpose", ""), found["packages"]),
            ]
        case "capabilities":
            return _table(("knob", "value", "usable", "why not", "what to do"), map(_capability, found["values"]))
        case "measurement":
            taken = Measurement.from_dict(found["measurement"])
            head = f"{found['model']} · {taken.resolved.device} · {taken.resolved.dtype} · {taken.resolved.attention}"
            notes = [f"- {note}" for note in (*found["differences"], *found["notes"])]
            table = _table(("metric", "mean", "95 % interval"), rows(taken))
            return [head, "", *table, conditions(taken), "", *notes]
    if "rows" in found:
        return [*_rows(found["rows"]), *_named("gpu.skipped", found["skipped"]), *_named("gpu.failed", found["failed"])]
    return ["```json", json.dumps(found, indent=1), "```", ""]


def _rows(rows: list[dict[str, Any]]) -> list[str]:
    """Tables of what rows have; what is itself a document stays in the JSON.

    A row most of whose columns are not in the table before it begins another.
    """
    tables: list[tuple[dict[str, None], list[dict[str, Any]]]] = []
    for row in rows:
        names = dict.fromkeys(name for name, value in row.items() if not isinstance(value, dict))
        own = names.keys() - _EVERYWHERE
        if tables and 2 * len(own & tables[-1][0].keys()) >= len(own):
            tables[-1][0].update(names)
            tables[-1][1].append(row)
        else:
            tables.append((names, [row]))
    return [
        line
        for names, held in tables
        for line in _table(names, ([_cell(row.get(name)) for name in names] for row in held))
    ]


def _cell(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "; ".join(map(_cell, value))
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)


def _named(code: str, parts: list[dict[str, str]]) -> list[str]:
    return [text(code), "", *(f"- {_safe(part['what'])}: {_safe(part['why'])}" for part in parts), ""] if parts else []


def _capability(row: dict[str, Any]) -> tuple[str, ...]:
    usable = text("gpu.yes") if row["ok"] else text("gpu.no")
    return row["knob"], str(row["value"]), usable, row["reason"] or "", row["remedy"] or ""


def _table(header: Iterable[str], body: Iterable[Iterable[str]]) -> list[str]:
    names = tuple(header)
    return [_line(names), _line("---" for _ in names), *(_line(row) for row in body), ""]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(_safe(cell) for cell in cells)} |"


def _safe(cell: str) -> str:
    return str(cell).replace(THIN, " ").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
