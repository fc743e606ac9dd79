"""workbench latency: percentiles under a steady load, drift, stutters and what was beside them, cold start."""

import argparse

from workbench.cli.shared import add_bench, add_workload, config_of, emit, opened, table, workload_of
from workbench.export import latency as told
from workbench.results import LatencyRun, recorded
from workbench.words import text

HELP = "Measure latency over minutes: percentiles, drift, stutters, cold start."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_bench(parser)
    add_workload(parser)
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help=text("latency.seconds_help"))
    parser.add_argument("--every", type=float, metavar="S", help=text("latency.every_help"))
    parser.add_argument("--vary", action="store_true", help=text("latency.vary_help"))
    parser.add_argument("--cold-start", action="store_true", help=text("latency.cold_help"))


def run(args: argparse.Namespace) -> int:
    workload = workload_of(args)
    with opened(args, config_of(args)) as session:
        found = session.latency(
            workload, seconds=args.seconds, every_s=args.every, vary=args.vary, cold_start=args.cold_start
        )
        emit(args, recorded(session.facts.name, session.machine, found), lines(found))
    return 0


def lines(found: LatencyRun) -> list[str]:
    """The percentiles, and what is said of the run under them."""
    heading, rows, remarks = told.latency(found)
    return [*table(rows, ("", *heading)), "", *remarks]
