"""workbench offload: tokens/s against layers kept away from the device."""

import argparse

from workbench.cli.shared import add_bench, add_repeats, add_workload, config_of, emit, opened, table, workload_of
from workbench.export import reuse
from workbench.results import Offload, recorded
from workbench.words import text

HELP = "Measure what layers kept away cost: in memory beside a GPU, on disk beside a CPU."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_bench(parser)
    add_workload(parser)
    parser.add_argument("--layers", type=_numbers, metavar="N,N", help=text("offload.values_help"))
    add_repeats(parser, budget_s=120.0)


def run(args: argparse.Namespace) -> int:
    workload = workload_of(args)
    with opened(args, config_of(args)) as session:
        found = session.offload(args.layers, workload, precision=args.precision, budget_s=args.budget)
        emit(args, recorded(session.facts.name, session.machine, found), lines(found))
    return 0


def lines(found: Offload) -> list[str]:
    """A row for each value, the verdicts under it."""
    heading, rows, remarks = reuse.offload(found)
    return [*table(rows, (text("offload.head.layers"), *heading)), "", *remarks]


def _numbers(word: str) -> list[int]:
    return [int(part) for part in word.split(",")]
