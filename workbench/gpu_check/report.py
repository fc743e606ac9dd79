"""What a GPU check found: one JSON document and one Markdown page."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from workbench.export.numbers import conditions, rows
from workbench.results import Machine, Measurement, Result, document, versions
from workbench.words import text
from workbench.words.format import THIN, seconds


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
        built = ", ".join(f"{name} {version}" for name, version in versions().items())
        lines = [f"# {self.title}", "", f"{self.machine.platform}, Python {self.machine.python}, {built}", ""]
        for section in self.sections:
            lines += [f"## {section.name}", "", _outcome(section), "", *_body(section)]
        return "\n".join(lines).rstrip() + "\n"

    def write(self, folder: Path) -> None:
        """gpu-check.json and gpu-check.md in `folder`, each replaced whole."""
        folder.mkdir(parents=True, exist_ok=True)
        pages = {
            "gpu-check.json": json.dumps(self.document(), indent=1, ensure_ascii=False),
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
        case "switches":
            header = ("model", "device", "eager → sdpa", "sdpa → eager", "first use", "same greedy tokens")
            return _table(header, map(_switch, found["models"]))
        case "measurement":
            taken = Measurement.from_dict(found["measurement"])
            head = f"{found['model']} · {taken.resolved.device} · {taken.resolved.dtype} · {taken.resolved.attention}"
            notes = [f"- {note}" for note in (*found["differences"], *found["notes"])]
            table = _table(("metric", "mean", "95 % interval"), rows(taken))
            return [head, "", *table, conditions(taken), "", *notes]
    return ["```json", json.dumps(found, indent=1), "```", ""]


def _capability(row: dict[str, Any]) -> tuple[str, ...]:
    usable = text("gpu.yes") if row["ok"] else text("gpu.no")
    return row["knob"], str(row["value"]), usable, row["reason"] or "", row["remedy"] or ""


def _switch(row: dict[str, Any]) -> tuple[str, ...]:
    first = ", ".join(f"{way} {seconds(taken)}" for way, taken in row["first_use_s"].items())
    same = text("gpu.yes") if row["same_greedy_tokens"] else text("gpu.no")
    taken = row["median_apply_s"]
    return row["model"], row["device"], seconds(taken["sdpa"]), seconds(taken["eager"]), first, same


def _table(header: Iterable[str], body: Iterable[Iterable[str]]) -> list[str]:
    names = tuple(header)
    return [_line(names), _line("---" for _ in names), *(_line(row) for row in body), ""]


def _line(cells: Iterable[str]) -> str:
    safe = (str(cell).replace(THIN, " ").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(safe)} |"
