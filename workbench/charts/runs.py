"""One measured run as charts and tables see it, and what changed from the one before."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.knobs import KNOBS
from workbench.results import Forecast, Measurement, Workload
from workbench.words import text
from workbench.words.format import escape, knob_value

LABEL_LENGTH = 40


@dataclass(frozen=True)
class Run:
    """A measurement with the config it was asked under. `config`: knob -> value; `time`: as the store wrote it;
    `forecast`: of the same config and work, made beside it; None: nobody made one.
    """

    config: Mapping[str, Any]
    measurement: Measurement
    id: int | None = None
    time: Any = None
    model: str = ""
    machine: str = ""
    forecast: Forecast | None = None

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> "Run":
        """A stored record. ValueError or KeyError when it is not a measurement that this version reads."""
        machine = document.get("machine") or {}
        return cls(
            config=dict(document["config"] or {}),
            measurement=Measurement.from_dict(document["result"]),
            id=document.get("id"),
            time=document.get("time"),
            model=str(document.get("model") or ""),
            machine=str(machine.get("label", "") if isinstance(machine, Mapping) else machine),
        )


def runs_of(records: Iterable[Any]) -> list[Run]:
    """Runs in the order they were measured, from Run objects or stored records."""
    runs = [record if isinstance(record, Run) else Run.of_document(record) for record in records]
    return sorted(runs, key=lambda run: (run.id is None, str(run.time or ""), run.id or 0))


def changes(before: Run, after: Run) -> tuple[str, ...]:
    """What was different: "attention eager→sdpa", one phrase a knob, and the work where that changed. Plain text."""
    phrases = [
        f"{name} {knob_value(before.config.get(name))}→{knob_value(value)}"
        for name, value in after.config.items()
        if _plain(before.config.get(name)) != _plain(value)
    ]
    if before.measurement.workload != after.measurement.workload:
        phrases.append(f"{text('chart.work')} {work(before.measurement.workload)}→{work(after.measurement.workload)}")
    return tuple(phrases)


def config_words(config: Mapping[str, Any]) -> str:
    """The values that are not the default, as name=value. Plain text."""
    changed = [
        f"{name}={knob_value(value)}"
        for name, value in config.items()
        if name not in KNOBS or knob_value(value) != knob_value(KNOBS[name].default)
    ]
    return ", ".join(changed) or text("panel.history.defaults")


def same_config(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Whether two configs ask the same; a stored tuple came back as a list."""
    return {name: _plain(value) for name, value in first.items()} == {
        name: _plain(value) for name, value in second.items()
    }


def work(workload: Workload) -> str:
    """A workload in its shortest form: 256+64, or 1024+16 ×8."""
    prompt = str(workload.prompt_tokens) if workload.prompts is None else f"{len(workload.prompts)} prompts"
    rows = f" ×{workload.batch_size}" if workload.batch_size > 1 else ""
    return f"{prompt}+{workload.new_tokens}{rows}"


def workload_words(workload: Workload) -> str:
    """256 → 64 tokens, batch 1."""
    if workload.prompts is not None:
        return text(
            "panel.workload_prompts",
            prompts=len(workload.prompts),
            new=workload.new_tokens,
            batch=workload.batch_size,
        )
    return text("panel.workload", prompt=workload.prompt_tokens, new=workload.new_tokens, batch=workload.batch_size)


def label(runs: Sequence[Run], index: int, most: int = 2) -> str:
    """The tick label of one run: its number and at most `most` changes, escaped and cut, lines parted by <br>."""
    if index == 0:
        phrases: tuple[str, ...] = (text("chart.first"),)
    else:
        phrases = changes(runs[index - 1], runs[index]) or (text("chart.same"),)
    shown = [_two_lines(phrase) for phrase in phrases[:most]]
    if len(phrases) > most:
        shown.append(text("chart.more", count=len(phrases) - most))
    return "<br>".join([str(index + 1), *shown])


def _two_lines(phrase: str) -> str:
    """knob on one line, old→new on the next: a narrow column holds it."""
    name, _, rest = phrase.partition(" ")
    parts = (name, rest) if rest else (name,)
    return "<br>".join(escape(part, LABEL_LENGTH) for part in parts)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
