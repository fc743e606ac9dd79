"""A verdict as people read it: a row, a card's lines, and the count of all; what contradicts the expectation first."""

from collections.abc import Sequence

from workbench.results import TipCell, TipRun, TipsReport, Verdict
from workbench.tips import TIPS
from workbench.tips.deciding import found_words
from workbench.tips.experiments import named
from workbench.tips.shown import values_words
from workbench.words import text, translate
from workbench.words.format import number, seconds

# in which verdicts stand; within each, the registry's order
_ORDER = (Verdict.NOT, Verdict.HOLDS, Verdict.DEPENDS, Verdict.NO_DIFFERENCE, Verdict.CANNOT)

_CELL = {True: "tips.cell.met", False: "tips.cell.missed", None: "tips.cell.open"}


def in_order(runs: Sequence[TipRun]) -> tuple[TipRun, ...]:
    """Those against their expectation first, then by verdict."""
    places = {id_: place for place, id_ in enumerate(TIPS)}
    return tuple(
        sorted(runs, key=lambda run: (not run.against_expectation, _ORDER.index(run.verdict), places.get(run.id, 0)))
    )


def headline(report: TipsReport) -> str:
    """How many do not hold on this machine, and what became of the rest."""
    counts = report.counts
    rest = [
        text("tips.of_verdict", verdict=translate(verdict), count=counts[verdict])
        for verdict in _ORDER[1:]
        if counts[verdict]
    ]
    line = text("tips.headline", count=counts[Verdict.NOT], all=len(report.runs), rest=", ".join(rest))
    if report.left:
        line += " " + text("tips.left", count=len(report.left))
    return line


def row(run: TipRun) -> tuple[str, str, str, str, str]:
    """Id, statement, verdict, what was expected where it was another, and what decided it."""
    tip = TIPS[run.id]
    expected = text("tips.against_expectation", expected=translate(run.expected)) if run.against_expectation else ""
    return run.id, translate(tip.statement), translate(run.verdict), expected, str(run.sentence)


def card(run: TipRun) -> list[tuple[str, str]]:
    """(what, words): the statement, the verdict with all that it rests on, and what to do instead."""
    tip = TIPS[run.id]
    lines = [("statement", translate(tip.statement))]
    verdict = translate(run.verdict)
    if run.against_expectation:
        verdict = f"{verdict} ({text('tips.against_expectation', expected=translate(run.expected))})"
    lines += [("verdict", verdict), ("because", str(run.sentence))]
    if run.remedy is not None:
        lines.append(("remedy", str(run.remedy)))
    for cell in run.cells:
        lines += [("measured", words) for words in cell_words(cell)]
    if run.decided:
        lines.append(("how", text("tips.how", model=run.model or text("tips.no_model"), seconds=seconds(run.seconds))))
    lines.append(("instead", translate(tip.instead)))
    if tip.apply:
        lines.append(("apply", values_words(tip.apply)))
    return [(text(f"tips.card.{name}"), words) for name, words in lines]


def cell_words(cell: TipCell) -> list[str]:
    """One situation: its numbers beside the bounds, then what they were found on."""
    about = values_words(cell.about)
    lines = []
    for bound in cell.bounds:
        words = text(
            _CELL[bound.met],
            quantity=named(bound.quantity),
            found=found_words(bound.found),
            bound=bound.bound,
        )
        if bound.found.floor is not None:
            words += " " + text("tips.cell.floor", floor=number(bound.found.floor))
        lines.append(f"{about}: {words}" if about else words)
    return [*lines, *map(str, cell.notes)]
