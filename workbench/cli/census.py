"""workbench census: where the bytes of a loaded model are, by part and number format, against what was asked."""

import argparse
from typing import Any

from workbench.cli.shared import add_bench, config_of, emit, opened, table
from workbench.export import judged
from workbench.results import Census, document
from workbench.words import text

HELP = "Count a loaded model's bytes by part and number format, and name what was not quantised."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_bench(parser)


def run(args: argparse.Namespace) -> int:
    config = config_of(args)
    with opened(args, config) as session:
        found = session.census()
        about: dict[str, Any] = {"model": session.facts.name, "machine": session.machine, "resolved": session.resolved}
        emit(args, document("census", config=session.config, result=found, **about), lines(found))
    return 0


def lines(found: Census) -> list[str]:
    """The sentence, the table, and what was left in full with its reason."""
    heading, rows, (sentence, *left) = judged.census(found)
    return [sentence, "", *table(rows, ("", *heading)), "", *(text("cli.note", note=each) for each in left)]
