"""The History tab's HTML: every measurement that the store has of this model, and two beside each other. Escaped."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from workbench.charts.runs import Run, config_words, workload_words
from workbench.constraints import shown
from workbench.errors import StoreError
from workbench.metrics import METRICS
from workbench.results import KeptComparison, KeptDiff, Measurement, TraceDiff
from workbench.widgets.table import Table
from workbench.words import text, translate
from workbench.words.format import escape, interval, knob_value, number, printable, size

PARTS = ("config", "workload", "resolved", "versions", "machine")
COLUMNS = ("when", "config", "work", "decode", "prefill", "peak", "machine")


def table(runs: Sequence[Run], unreadable: int = 0) -> str:
    """Runs, newest first, as HTML in which nothing foreign is left unescaped."""
    heading = f"<div class='wb-history-title'>{escape(text('panel.history.title'))}</div>"
    note = (
        f"<div class='wb-note'>{escape(text('panel.history.unreadable', count=unreadable))}</div>" if unreadable else ""
    )
    if not runs:
        return f"{heading}<div class='wb-note'>{escape(text('panel.history.empty'))}</div>{note}"
    head = "".join(f"<th>{escape(text(f'panel.history.{name}'))}</th>" for name in COLUMNS)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in _cells(run))}</tr>" for run in runs)
    return f"{heading}<div class='wb-scroll'><table class='wb-table'><tr>{head}</tr>{body}</table></div>{note}"


def short(run: Run) -> str:
    """One line in a list of runs."""
    return f"#{run.id} · {_when(run.time)} · {printable(config_words(run.config), 90)}"


def difference(found: KeptDiff, traced: TraceDiff | None) -> str:
    """What differs part by part, the metrics with their intervals, the tokens, and the traces' reasons."""
    names = found.a.name, found.b.name
    tables: list[Table] = []
    for part in PARTS:
        differing: Mapping[str, tuple[Any, Any]] = getattr(found, part)
        if differing:
            rows = tuple((name, knob_value(old), knob_value(new)) for name, (old, new) in differing.items())
            tables.append(Table((f"{text(f'runs.part.{part}')} · {names[0]}", names[1]), rows))
    if found.comparison is not None:
        tables.append(_compared(found.comparison))
    said = [str(found.tokens)] if found.tokens else []
    if traced is not None:
        said += [str(reason) for reason in traced.reasons]
    else:
        said.append(text("panel.history.not_traced"))
    lines = "".join(f"<div>{escape(each, 400)}</div>" for each in said)
    return f"<div class='wb-differences'>{''.join(table._repr_html_() for table in tables)}{lines}</div>"


def _compared(found: KeptComparison) -> Table:
    rows = tuple(
        (
            translate(METRICS[name].label),
            shown(name, metric.a),
            shown(name, metric.b),
            f"{metric.ratio:.2f}× {interval(metric.ci95) if metric.ci95 else ''}",
        )
        for name, metric in found.metrics.items()
    )
    told = [found.refused] if found.refused else [metric.verdict for metric in found.metrics.values()]
    remarks = tuple(map(str, (*told, *found.caveats, found.note)))
    return Table((found.a.name, found.b.name, text("compare.head.ratio")), rows, remarks)


def refused(error: StoreError) -> str:
    """What stands in the tab when the store cannot be read."""
    return f"<div class='wb-error'>{escape(error, 600)}</div>"


def _cells(run: Run) -> list[str]:
    measurement = run.measurement
    return [
        escape(_when(run.time)),
        escape(config_words(run.config), 200),
        escape(workload_words(measurement.workload)),
        _value(measurement, "decode_tps"),
        _value(measurement, "prefill_tps"),
        escape(size(measurement.peak_bytes)),
        escape(run.machine, 60),
    ]


def _value(measurement: Measurement, key: str) -> str:
    """A mean in bold, its interval beside it."""
    bounds = escape(interval(measurement.ci95.get(key)))
    return f"<b>{escape(number(getattr(measurement, key)))}</b> <span class='wb-nowrap'>{bounds}</span>"


def _when(time: Any) -> str:
    """The store's time as local time to the minute; other text as it stands."""
    if isinstance(time, int | float):
        return datetime.fromtimestamp(time).astimezone().strftime("%Y-%m-%d %H:%M")
    try:
        return datetime.fromisoformat(str(time)).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return "" if time is None else str(time)
