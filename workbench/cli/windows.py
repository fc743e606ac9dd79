"""workbench windows: a long input in one pass against windows that slide over it."""

import argparse
from pathlib import Path

from workbench.cli.shared import add_bench, config_of, emit, opened, table
from workbench.export import chosen
from workbench.results import recorded
from workbench.suites import read
from workbench.words import text

HELP = "Read a long text in one pass and by sliding windows: tokens, time, memory, loss."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_bench(parser)
    parser.add_argument("--text", type=Path, metavar="FILE", help=text("windows.file_help"))
    parser.add_argument("--size", type=int, metavar="N", help=text("windows.size_help"))
    parser.add_argument("--overlap", type=_overlap, default=0.2, metavar="N", help=text("windows.overlap_help"))
    parser.add_argument("--tokens", type=int, metavar="N", help=text("windows.tokens_help"))
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help=text("windows.rounds_help"))


def run(args: argparse.Namespace) -> int:
    own = read(args.text) if args.text else None
    with opened(args, config_of(args)) as session:
        found = session.windows(own, args.size, args.overlap, tokens=args.tokens, rounds=args.rounds)
        told = chosen.windows(found)
        record = recorded(session.facts.name, session.machine, found, config=session.config, resolved=session.resolved)
        emit(args, record, [*table(told.rows, (text("windows.head.way"), *told.heading)), "", *told.remarks])
    return 0


def _overlap(word: str) -> float:
    return int(word) if word.isdigit() else float(word)
