"""workbench energy: joules per token, tokens per joule, and what a million tokens cost."""

import argparse

from workbench.cli.shared import add_bench, add_workload, config_of, emit, opened, table, workload_of
from workbench.export import energy as told
from workbench.results import Energy, recorded
from workbench.words import text

HELP = "Measure energy per token and cost, idle power apart."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_bench(parser)
    add_workload(parser)
    parser.add_argument("--price", type=float, metavar="PER_HOUR", help=text("energy.price_help"))
    parser.add_argument("--idle", type=float, default=5.0, metavar="SECONDS", help=text("energy.idle_help"))
    parser.add_argument("--window", type=float, default=2.0, metavar="SECONDS", help=text("energy.window_help"))
    parser.add_argument(
        "--budget", type=float, default=60.0, metavar="SECONDS", help=text("cli.budget_help", seconds=60)
    )


def run(args: argparse.Namespace) -> int:
    workload = workload_of(args)
    with opened(args, config_of(args)) as session:
        found = session.energy(
            workload, price_per_hour=args.price, idle_s=args.idle, window_s=args.window, budget_s=args.budget
        )
        emit(args, recorded(session.facts.name, session.machine, found), lines(found))
    return 0


def lines(found: Energy) -> list[str]:
    """A row for each number, the remarks under it."""
    _heading, rows, remarks = told.energy(found)
    return [*table(rows), *([""] if remarks else []), *remarks]
