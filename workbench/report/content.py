"""The sections of a report, from what is in force and from what the store holds of this model on this machine."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from workbench.charts.decision import decision as decision_chart
from workbench.charts.runs import Run, config_words, runs_of, same_config, workload_words
from workbench.charts.speed import speed
from workbench.charts.theme import EITHER
from workbench.config import Config
from workbench.decisions import Decision, decision_of
from workbench.report.section import Section
from workbench.results import Comparison, Machine, ModelFacts, Resolved, Snippet, versions
from workbench.results.machine_report import problems, rows
from workbench.runs import Runs
from workbench.words import text
from workbench.words.format import interval, measured, number, quantity, seconds, size

MOST_RUNS = 200
MOST_VERDICTS = 30
_COLUMNS = ("config", "work", "decode", "prefill", "ttft", "peak", "n")


@dataclass(frozen=True)
class Ground:
    """What a report stands on: the model in force, by the name that opens it, and the store."""

    model: str
    facts: ModelFacts
    machine: Machine
    config: Config
    resolved: Resolved
    runs: Runs
    snippet: Snippet

    def records(self, kind: str, limit: int) -> list[dict[str, Any]]:
        return self.runs.filter(kind=kind, model=self.facts.name, machine=self.machine.label, limit=limit)

    def measured(self) -> list[Run]:
        """Measurements of this model here that this version reads, oldest first."""
        found = []
        for record in self.records("measurement", MOST_RUNS):
            try:
                found.append(Run.of_document(record))
            except (ValueError, KeyError, TypeError):
                continue
        return runs_of(found)


def sections(ground: Ground) -> list[Section]:
    """All but what is signed."""
    measured_runs = ground.measured()
    return [
        _head(ground),
        _machine(ground.machine),
        _in_force(ground),
        _tried(ground, measured_runs),
        _verdicts(ground),
        _quality(decision_of(ground.runs, ground.facts, ground.machine.label)),
        _code(ground.snippet),
    ]


def _code(snippet: Snippet) -> Section:
    alone = snippet.target != "transformers"
    return Section(text("report.code"), (text("report.no_code" if alone else "report.code_note"),), code=snippet.code)


def _head(ground: Ground) -> Section:
    built = ", ".join(f"{name} {version}" for name, version in versions().items())
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    lines = (text("report.made", time=now, machine=ground.machine.label), text("report.versions", versions=built))
    return Section(text("report.title", model=ground.facts.name), lines)


def _machine(machine: Machine) -> Section:
    lines = tuple(str(problem) for problem in problems(machine))
    heading = ("", text("report.value"), text("report.means"))
    return Section(text("report.machine"), lines, heading, tuple(rows(machine)))


def _in_force(ground: Ground) -> Section:
    resolved = ground.resolved
    differs = [str(each) for each in resolved.differences(ground.config)]
    ran = (
        (text("report.asked"), config_words(ground.config)),
        (text("report.ran"), ", ".join(_ran(resolved))),
        (text("report.but"), "; ".join(differs) or text("report.as_asked")),
    )
    return Section(text("report.in_force"), (), ("", ""), ran)


def _ran(resolved: Resolved) -> Iterator[str]:
    yield f"attention={resolved.attention}"
    yield f"dtype={resolved.dtype}"
    yield f"quantization={resolved.quantization}"
    yield f"cache={resolved.cache}"
    yield f"device={resolved.device}"
    yield f"threads={resolved.threads}"
    yield text("report.weights", size=size(resolved.weight_bytes))


def _tried(ground: Ground, found: list[Run]) -> Section:
    newest: list[Run] = []
    for run in reversed(found):
        alike = (each for each in newest if each.measurement.workload == run.measurement.workload)
        if not any(same_config(each.config, run.config) for each in alike):
            newest.append(run)
    heading = tuple(text(f"report.tried.{name}") for name in _COLUMNS)
    lines = (text("report.unpaired"),) if newest else (text("report.nothing_measured"),)
    chart = speed(found, EITHER, in_force=ground.config) if found else None
    return Section(text("report.tried"), lines, ("", *heading), tuple(map(_row, newest)), chart)


def _row(run: Run) -> tuple[str, ...]:
    taken = run.measurement
    return (
        f"#{run.id}",
        config_words(run.config),
        workload_words(taken.workload),
        measured(taken.decode_tps, taken.ci95.get("decode_tps"), "tok/s"),
        measured(taken.prefill_tps, taken.ci95.get("prefill_tps"), "tok/s"),
        seconds(taken.ttft_s),
        size(taken.peak_bytes),
        str(taken.repeats),
    )


def _verdicts(ground: Ground) -> Section:
    """Of comparisons by pairs: the only sentences here that say faster."""
    found: list[tuple[str, ...]] = []
    for record in ground.records("comparison", MOST_VERDICTS):
        try:
            comparison = Comparison.from_dict(record["result"])
        except (ValueError, KeyError, TypeError):
            continue
        said = "; ".join(str(verdict) for verdict in comparison.verdict.values())
        found.append((f"#{record['id']}", said, workload_words(comparison.workload), str(comparison.pairs)))
    heading = ("", *(text(f"report.verdicts.{name}") for name in ("verdict", "work", "pairs")))
    lines = () if found else (text("report.no_verdicts"),)
    return Section(text("report.verdicts"), lines, heading if found else (), tuple(found))


def _quality(found: Decision) -> Section:
    lines = tuple(str(remark) for remark in found.remarks)
    if not found.candidates:
        return Section(text("report.quality"), (*lines, text("report.not_judged")))
    heading = ("", *(text(f"report.quality.{name}") for name in ("kld", "same_top", "weights", "decode")))
    table = tuple(
        (
            each.label,
            "0" if each.reference else f"{number(each.kld)} {interval(each.kld_ci95)}",
            f"{100 * each.same_top:.1f} %",
            size(each.weight_bytes),
            quantity(each.decode_tps, "tok/s"),
        )
        for each in found.candidates
    )
    return Section(text("report.quality"), lines, heading, table, decision_chart(found, EITHER))
