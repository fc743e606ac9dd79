"""workbench memory: how whole memory stays over requests of random length, and allocators compared."""

import argparse

from workbench.cli.shared import add_bench, add_workload, config_of, emit, opened, table, workload_of
from workbench.export import memory_health as told
from workbench.memory_health import REQUESTS
from workbench.results import MemoryHealth, recorded
from workbench.words import text

HELP = "Watch the allocator over requests of random length: free pieces, retries, growth."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_bench(parser)
    add_workload(parser)
    help_text = text("memory_health.requests_help", requests=REQUESTS)
    parser.add_argument("--requests", type=int, default=REQUESTS, metavar="N", help=help_text)
    parser.add_argument("--compare", type=_names, metavar="NAME,NAME", help=text("memory_health.compare_help"))
    parser.add_argument(
        "--budget", type=float, default=60.0, metavar="SECONDS", help=text("cli.budget_help", seconds=60)
    )


def run(args: argparse.Namespace) -> int:
    workload = workload_of(args)
    with opened(args, config_of(args)) as session:
        found = session.memory_health(
            workload, requests=args.requests, seed=workload.seed, budget_s=args.budget, compare=args.compare
        )
        emit(args, recorded(session.facts.name, session.machine, found), lines(found))
    return 0


def lines(found: MemoryHealth) -> list[str]:
    """A row for each number, the remarks under it."""
    heading, rows, remarks = told.memory_health(found)
    return [*table(rows, ("", *heading) if len(heading) > 1 else None), "", *remarks]


def _names(word: str) -> list[str]:
    return word.split(",")
