"""workbench crossover: from which prompt length another device (or configuration) is ahead."""

import argparse

from workbench.cli.shared import add_bench, add_repeats, config_of, emit, knobs_of, opened, table
from workbench.export import reuse
from workbench.results import Crossover, recorded
from workbench.words import text

HELP = "Find the prompt length at which the GPU overtakes the CPU, or one configuration another."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_bench(parser)
    parser.add_argument("--against", action="append", metavar="KNOB=VALUE", help=text("crossover.against_help"))
    parser.add_argument("--lengths", type=_numbers, metavar="N,N", help=text("crossover.lengths_help"))
    parser.add_argument("--new-tokens", type=int, default=16, metavar="N", help=text("cli.new_tokens_help"))
    add_repeats(parser, budget_s=120.0)


def run(args: argparse.Namespace) -> int:
    config = config_of(args)
    a, b = (config, config.replace(**knobs_of(args.against))) if args.against else (None, None)
    with opened(args, config) as session:
        options = {"new_tokens": args.new_tokens, "precision": args.precision, "budget_s": args.budget}
        found = session.crossover(a, b, args.lengths, **options)
        emit(args, recorded(session.facts.name, session.machine, found), lines(found))
    return 0


def lines(found: Crossover) -> list[str]:
    """The sentences, then a row for each length."""
    heading, rows, remarks = reuse.crossover(found)
    return [*remarks, "", *table(rows, (text("crossover.head.tokens"), *heading))]


def _numbers(word: str) -> list[int]:
    return [int(part) for part in word.split(",")]
