"""workbench speculation: whether drafting tokens pays, mode by mode."""

import argparse

from workbench.cli.shared import add_bench, add_repeats, config_of, emit, opened, table
from workbench.export import reuse
from workbench.results import Speculation, recorded
from workbench.words import text

HELP = "Measure speculation against plain decoding: drafts kept, passes, speed by pairs, the same tokens or not."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_bench(parser)
    parser.add_argument("--modes", metavar="MODE,MODE", help=text("speculation.modes_help"))
    parser.add_argument("--prompt", action="append", metavar="TEXT", help=text("speculation.prompt_help"))
    parser.add_argument("--new-tokens", type=int, default=64, metavar="N", help=text("cli.new_tokens_help"))
    add_repeats(parser, budget_s=120.0)


def run(args: argparse.Namespace) -> int:
    modes = args.modes.split(",") if args.modes else None
    with opened(args, config_of(args)) as session:
        options = {"new_tokens": args.new_tokens, "precision": args.precision, "budget_s": args.budget}
        found = session.speculation(modes, args.prompt, **options)
        emit(args, recorded(session.facts.name, session.machine, found), lines(found))
    return 0


def lines(found: Speculation) -> list[str]:
    """A row for each mode and task, the verdicts under it."""
    heading, rows, remarks = reuse.speculation(found)
    return [*table(rows, (text("speculation.head.mode"), *heading)), "", *remarks]
