"""Runs that another machine recorded, to look at here: a room of laptops sees what a GPU did. Nothing is measured.

Every chart says on which machine it was recorded, and when.
"""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.charts.figure import CHARTS, drawn
from workbench.charts.runs import Run, runs_of
from workbench.charts.speed import speed
from workbench.charts.theme import EITHER, Theme
from workbench.errors import ConfigError, StoreError
from workbench.results import Measurement, Result
from workbench.runs import Runs
from workbench.words import text
from workbench.words.format import escape, printable

KINDS: dict[str, type[Any]] = {
    Measurement.kind(): Measurement,
    **{kind.kind(): kind for kind in CHARTS if issubclass(kind, Result)},
}
_MARK_PIXELS = 20


@dataclass(frozen=True)
class Recorded:
    """One record, as this version reads it. `machine`, `time`: where and when (ISO 8601, UTC) it was measured."""

    number: int
    kind: str
    model: str
    machine: str
    time: str
    config: dict[str, Any]
    result: Any

    @property
    def mark(self) -> str:
        """The line that stands under the title of its chart."""
        return text("replay.mark", machine=self.machine, date=self.time[:10])


class Replay:
    """The records of a file that `workbench runs export` or `Runs.export` wrote; those that have a chart.

    StoreError: not readable, damaged, or written by a newer workbench; ConfigError: nothing in it has a chart.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        with tempfile.TemporaryDirectory(prefix="workbench-replay-") as folder:
            store = Path(folder) / "runs.sqlite3"
            with Runs(store) as runs:
                runs.load(self.path)
                records = runs.filter(limit=None)
        self.unread = 0
        found = [self._read(record) for record in records]
        self.records = tuple(each for each in found if each is not None)
        if not self.records:
            raise ConfigError("replay.nothing", path=str(path))

    def figure(self, record: Recorded, theme: Theme = EITHER) -> dict[str, Any]:
        """The chart of one record; of a measurement: all of that model and machine, this configuration filled."""
        if isinstance(record.result, Measurement):
            alike = [each for each in self.records if (each.kind, each.model, each.machine) == _place(record)]
            spec = speed(runs_of(map(_run, alike)), theme, in_force=record.config)
        else:
            spec = drawn(record.result, theme)
        layout = spec["layout"]
        title = layout.get("title", {}).get("text", "")
        mark = f"<span style='font-size:12px'>{escape(record.mark)}</span>"
        layout["title"] = {**layout.get("title", {}), "text": f"{title}<br>{mark}" if title else mark}
        margin = layout.get("margin", {})
        layout["margin"] = {**margin, "t": margin.get("t", 60) + _MARK_PIXELS}
        layout["height"] = layout.get("height", 400) + _MARK_PIXELS
        return spec

    def _read(self, record: dict[str, Any]) -> Recorded | None:
        kind = str(record["schema"]).removeprefix("workbench.").partition("/")[0]
        if kind not in KINDS:
            return None
        machine = record.get("machine")
        try:
            return Recorded(
                number=record["id"],
                kind=kind,
                model=str(record.get("model") or "-"),
                machine=str(machine.get("label", "-") if isinstance(machine, dict) else machine),
                time=str(record["time"]),
                config=dict(record.get("config") or {}),
                result=KINDS[kind].from_dict(record["result"]),
            )
        except (ValueError, KeyError, TypeError):  # of another version
            self.unread += 1
            return None


def replay_notebook(path: Path, folder: Path) -> Path:
    """A notebook in `folder` that shows the records of `path`; its name. As `Replay` raises."""
    count = len(Replay(path).records)
    cells = [
        _cell("markdown", "title", text("replay.notebook", file=printable(path.name, 80), count=count)),
        _cell("code", "panel", f"import workbench as wb\n\nwb.widgets.ReplayPanel({str(path.resolve())!r})"),
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    name = Path("replay.ipynb")
    try:
        (folder / name).write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise StoreError("notebooks.refused", folder=str(folder), problem=str(error)) from error
    return name


def _cell(kind: str, name: str, source: str) -> dict[str, Any]:
    more: dict[str, Any] = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {"cell_type": kind, "id": name, "metadata": {}, "source": source.splitlines(keepends=True), **more}


def _place(record: Recorded) -> tuple[str, str, str]:
    return record.kind, record.model, record.machine


def _run(record: Recorded) -> Run:
    return Run(record.config, record.result, record.number, record.time, record.model, record.machine)
