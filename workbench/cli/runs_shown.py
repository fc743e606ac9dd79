"""Stored runs as lines: a list, one whole, two beside each other."""

from collections.abc import Mapping
from typing import Any

from workbench.cli.shared import table
from workbench.metrics import METRICS
from workbench.results import KeptComparison, KeptDiff
from workbench.words import text
from workbench.words.format import THIN, interval, number, printable, quantity


def listing(records: list[dict[str, Any]]) -> list[str]:
    if not records:
        return [text("cli.no_runs")]
    header = ("id", text("cli.time"), text("cli.kind"), text("cli.model"), text("cli.decode"), text("cli.changed"))
    return table([_row(record) for record in records], header)


def whole(record: dict[str, Any]) -> list[str]:
    from workbench.export.numbers import conditions, rows
    from workbench.results import Measurement

    head = [" · ".join(_row(record))]
    if str(record["schema"]).startswith("workbench.measurement/"):
        measurement = Measurement.from_dict(record["result"])
        head += ["", *table(rows(measurement)), "", conditions(measurement)]
        head += [text("cli.note", note=flag) for flag in measurement.flags]
    return head


def differing(found: KeptDiff) -> list[str]:
    """Each part that differs, then the ratios and what may be said of them."""
    names = (found.a.name, found.b.name)
    lines: list[str] = []
    for part in ("config", "workload", "resolved", "versions", "machine"):
        differences: Mapping[str, tuple[Any, Any]] = getattr(found, part)
        if differences:
            rows = [(name, _word(old), _word(new)) for name, (old, new) in differences.items()]
            lines += [*table(rows, (text(f"runs.part.{part}"), *names)), ""]
    if found.comparison is not None:
        return [*lines, *_compared(found.comparison), *([str(found.tokens)] if found.tokens else [])]
    if found.metrics:
        rows = [(name, _word(old), _word(new)) for name, (old, new) in found.metrics.items()]
        lines += table(rows, (text("runs.part.metrics"), *names))
    return lines or [text("runs.no_difference")]


def _compared(found: KeptComparison) -> list[str]:
    rows = [
        (
            METRICS[name].label,
            number(metric.a).replace(THIN, " "),
            number(metric.b).replace(THIN, " "),
            METRICS[name].unit,
            f"{metric.ratio:.3f}×",
            interval(metric.ci95, 4),
        )
        for name, metric in found.metrics.items()
    ]
    header = (text("cli.metric"), found.a.name, found.b.name, "", text("compare.head.ratio"), text("cli.interval"))
    told = [str(found.refused)] if found.refused else [str(metric.verdict) for metric in found.metrics.values()]
    notes = [text("cli.note", note=note) for note in (*found.caveats, found.note)]
    return [*(table(rows, header) if rows else []), "", *told, *notes]


def _row(record: dict[str, Any]) -> tuple[str, ...]:
    tags = "".join(f" #{tag}" for tag in record["tags"])
    return (
        str(record["id"]),
        str(record["time"])[:19],
        str(record["schema"]).removeprefix("workbench.").partition("/")[0],
        _word(record.get("model") or "-"),
        quantity(_decode(record), "tok/s").replace(THIN, " "),
        _changed(record.get("config") or {}) + tags,
    )


def _decode(record: dict[str, Any]) -> float | None:
    result = record.get("result")
    value = result.get("decode_tps") if isinstance(result, dict) else None
    return value if isinstance(value, int | float) else None


def _changed(config: dict[str, Any]) -> str:
    from workbench.knobs import KNOBS

    changed = {name: value for name, value in config.items() if name in KNOBS and value != _default(KNOBS[name])}
    return " ".join(f"{name}={_word(value)}" for name, value in changed.items()) or text("cli.defaults")


def _default(knob: Any) -> Any:
    return list(knob.default) if isinstance(knob.default, tuple) else knob.default


def _word(value: Any) -> str:
    """On one line, without anything that a terminal obeys: records may come from elsewhere."""
    return "-" if value is None else printable(value).replace("\n", " ").replace("\t", " ")
