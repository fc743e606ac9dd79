"""workbench limits: how fast a model can be here at the most, and how near it came."""

import argparse

from workbench.cli.shared import add_bench, add_workload, config_of, emit, opened, table, workload_of
from workbench.export import limits as told
from workbench.results import Limits, recorded
from workbench.words import text

HELP = "Say how fast a model can be here at the most: floors of prefill and decode from measured ceilings."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_bench(parser)
    add_workload(parser)
    parser.add_argument("--measure", action="store_true", help=text("limits.measure_help"))
    parser.add_argument("--refresh", action="store_true", help=text("limits.refresh_help"))
    parser.add_argument(
        "--budget", type=float, default=60.0, metavar="SECONDS", help=text("cli.budget_help", seconds=60)
    )


def run(args: argparse.Namespace) -> int:
    workload = workload_of(args)
    with opened(args, config_of(args)) as session:
        if args.refresh:
            session.ceilings(refresh=True)
        if args.measure:
            session.trace(workload)
            session.measure(workload, budget_s=args.budget)
        found = session.limits(workload)
        emit(args, recorded(session.facts.name, session.machine, found), lines(found))
    return 0


def lines(found: Limits) -> list[str]:
    """Ceilings, floors and runs; the sources under them."""
    _none, reached, _said = told.ceilings(found.ceilings)
    heading, rows, remarks = told.limits(found)
    return [*table(reached), "", *table(rows, ("", *heading)), "", *(text("cli.note", note=each) for each in remarks)]
