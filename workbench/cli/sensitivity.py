"""workbench sensitivity: which modules a quantisation hurts, and what leaving them in full would give."""

import argparse

from workbench.cli.shared import add_bench, config_of, emit, opened, table
from workbench.export import judged
from workbench.results import Sensitivity, recorded
from workbench.words import text

HELP = "Rank the modules of a quantised model by what leaving each of them in full would give."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_bench(parser)


def run(args: argparse.Namespace) -> int:
    config = config_of(args)
    with opened(args, config) as session:
        found = session.sensitivity()
        record = recorded(session.facts.name, session.machine, found, config=session.config, resolved=session.resolved)
        emit(args, record, lines(found))
    return 0


def lines(found: Sensitivity) -> list[str]:
    """The ranking, and the change that the suggestion is."""
    heading, rows, (sentence, *notes) = judged.sensitivity(found)
    written = [sentence, "", *table(rows, ("", *heading)), ""]
    if found.suggestion:
        written.append(text("sensitivity.set", names=",".join(found.suggestion)))
    return [*written, *(text("cli.note", note=each) for each in notes)]
