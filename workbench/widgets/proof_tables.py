"""Tables of what proves and explains a difference: traces, what moved between two, comparisons, agreement."""

from collections.abc import Callable, Iterable
from typing import Any

from workbench.config import Config
from workbench.judging import COMPARED, names_of
from workbench.metrics import METRICS, Better
from workbench.results import Agreement, Batching, Comparison, LogitDistance, Scan, Sweep, Trace, TraceDiff, TracePhase
from workbench.results.trace_diff import category_words
from workbench.scanning import rows_of
from workbench.served import rows_of as served_rows
from workbench.sweep.rows import rows_of as sweep_rows
from workbench.widgets.table import Table
from workbench.words import text, translate
from workbench.words.format import interval, number, quantity, ratio, seconds, share


def comparison(result: Comparison, verdicts: bool = True) -> Table:
    """A line for each metric: both means, b ÷ a with its interval, what chance could show, and the verdict."""
    a, b = names_of(Config(**result.a), Config(**result.b))
    heading = (a, b, *(text(f"tables.{name}") for name in ("ratio", "chance", "verdict")[: 3 if verdicts else 2]))
    lines = [
        (
            translate(METRICS[metric].label),
            _value(metric, result.mean_a[metric]),
            _value(metric, result.mean_b[metric]),
            _ratio(metric, f"{ratio(result.ratio[metric])} {interval(result.ci95.get(metric))}"),
            _floor(result.noise_floor.get(metric)),
            *([str(result.verdict[metric])] if verdicts else []),
        )
        for metric in COMPARED
    ]
    remarks = [*result.flags] if result.agreement is None else [result.agreement.verdict, *result.flags]
    return Table(heading, tuple(lines), _words(remarks))


def sweep(result: Sweep) -> Table:
    """A line for each configuration, best first: why the others lost."""
    header, rows, remarks = sweep_rows(result)
    return Table(
        header[1:], tuple(rows), (str(result.verdict), *(str(lead.verdict) for lead in result.leads), *remarks)
    )


def trace(result: Trace) -> Table:
    """Prefill and one decode step beside each other: the kernels, and the time of one forward pass by category."""
    phases = (result.prefill, result.decode)
    heading = tuple(text(f"tables.phase.{name}") for name in result.phases)
    categories = sorted(
        {name for phase in phases for name in phase.per_step}, key=lambda name: -result.decode.per_step.get(name, 0.0)
    )
    lines = [
        (text("tables.kernels"), *(", ".join(phase.attention_kernels) or text("tables.none_seen") for phase in phases)),
        (text("tables.backend"), *(phase.backend or text("tables.not_recognised") for phase in phases)),
        (text("tables.wall"), *(seconds(phase.seconds / phase.steps) for phase in phases)),
        *((category_words(name), *(_part(phase, name) for phase in phases)) for name in categories),
        (text("tables.launches"), *(number(phase.launches_per_step) for phase in phases)),
    ]
    return Table(heading, tuple(lines), _words([*result.differences, *result.notes]))


def trace_diff(result: TraceDiff) -> Table:
    """The reasons behind a difference, the largest first."""
    return Table(("",), tuple((str(place), str(reason)) for place, reason in enumerate(result.reasons, 1)))


def agreement(result: Agreement) -> Table:
    """How far the logits are apart, beside what one more rounding does to one and the same model."""
    columns = (result.prefill, result.decode, result.rounding)
    heading = tuple(text(f"tables.agreement.{name}") for name in ("prefill", "decode", "rounding"))
    fields: tuple[tuple[str, Callable[[LogitDistance], str]], ...] = (
        ("positions", lambda each: str(each.positions)),
        ("max_logit_diff", lambda each: number(each.max_logit_diff)),
        ("kl_mean", lambda each: number(each.kl_mean)),
        ("same_top", lambda each: share(each.same_top)),
    )
    lines = [(text(f"tables.agreement.{name}"), *(read(each) for each in columns)) for name, read in fields]
    return Table(heading, tuple(lines), _words([result.verdict, *result.flags]))


def scan(result: Scan) -> Table:
    """A row for each value and line; under them the knees, where memory ended a line, and whether the lines agree."""
    heading, rows, remarks = rows_of(result)
    return Table(heading[1:], tuple(rows), (str(result.ended), *remarks, *_words(result.flags)))


def batching(result: Batching) -> Table:
    """A row for each way; under them the verdicts, other tokens, and why a way could not."""
    heading, rows, said = served_rows(result)
    return Table(heading[1:], tuple(rows), (*said, *_words(result.flags)))


PROOFS: dict[type, Callable[[Any], Table]] = {
    Comparison: comparison,
    Sweep: sweep,
    Trace: trace,
    TraceDiff: trace_diff,
    Agreement: agreement,
    Scan: scan,
    Batching: batching,
}


def _value(metric: str, value: float) -> str:
    unit = METRICS[metric].unit
    return seconds(value) if unit == "s" else quantity(value, unit)


def _ratio(metric: str, shown: str) -> str:
    """Of a time it says that it is one: the chart turns it over, to a speed."""
    return shown if METRICS[metric].better is Better.HIGHER else text("tables.of_the_time", ratio=shown)


def _floor(floor: float | None) -> str:
    return ratio(None) if floor is None else f"{ratio(1 / floor)} – {ratio(floor)}"


def _part(phase: TracePhase, name: str) -> str:
    """Seconds of one forward pass, and their share of its wall time."""
    value = phase.per_step.get(name)
    if not value:
        return "–"
    return f"{seconds(value)} ({share(value * phase.steps / phase.seconds)})"


def _words(messages: Iterable[Any]) -> tuple[str, ...]:
    return tuple(str(message) for message in messages)
