"""workbench batching: requests of unequal length, served in several ways beside each other."""

import argparse

from workbench.cli.shared import add_bench, add_repeats, add_workload, config_of, emit, opened, table, workload_of
from workbench.decoding.batching import NEW_TOKENS
from workbench.results import Batching, recorded
from workbench.results.batching import WAYS
from workbench.served import rows_of
from workbench.words import text

HELP = "Serve prompts of unequal length one by one, padded, bucketed, packed and by continuous batching."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_bench(parser)
    add_workload(parser)
    parser.add_argument("--ways", type=_words, default=WAYS, metavar="WAY,WAY", help=text("batching.ways_help"))
    parser.add_argument("--buckets", type=int, metavar="N", help=text("batching.buckets_help"))
    parser.add_argument("--width", type=int, metavar="TOKENS", help=text("batching.width_help"))
    parser.add_argument("--answers", type=_numbers, metavar="N,N", help=text("batching.answers_help"))
    add_repeats(parser)


def run(args: argparse.Namespace) -> int:
    args.new_tokens = args.new_tokens or NEW_TOKENS
    config, workload = config_of(args), workload_of(args)
    with opened(args, config) as session:
        found = session.batching(
            workload,
            ways=args.ways,
            buckets=args.buckets,
            width=args.width,
            answers=args.answers,
            precision=args.precision,
            budget_s=args.budget,
        )
        emit(args, recorded(session.facts.name, session.machine, found, config=session.config), lines(found))
    return 0


def lines(found: Batching) -> list[str]:
    """A row for each way, then the verdicts, and why some could not."""
    heading, rows, said = rows_of(found)
    rounds = max(way.rounds for way in found.ways)
    notes = [text("cli.note", note=flag) for flag in found.flags]
    return [
        *table(rows, heading),
        "",
        text("batching.ended", rounds=rounds, seconds=round(found.seconds)),
        *said,
        *notes,
    ]


def _words(word: str) -> tuple[str, ...]:
    return tuple(word.split(","))


def _numbers(word: str) -> tuple[int, ...]:
    return tuple(int(part) for part in word.split(","))
