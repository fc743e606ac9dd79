"""workbench prefix: what a kept KV cache of a prompt's beginning saves, and such caches on disk."""

import argparse
from pathlib import Path

from workbench.cli.shared import add_bench, add_repeats, config_of, emit, opened, table
from workbench.errors import ConfigError
from workbench.export import reuse
from workbench.results import PrefixReuse, recorded
from workbench.runs.prefixes import MOST_BYTES
from workbench.words import text
from workbench.words.format import seconds, size

HELP = "Measure TTFT with and without a reused prefix, and keep its KV cache on disk."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_bench(parser)
    parser.add_argument("--prefix", type=_lengths, metavar="N,N", help=text("prefix.prefix_help"))
    parser.add_argument("--text", type=Path, metavar="FILE", help=text("prefix.text_help"))
    parser.add_argument("--prompt", action="append", metavar="TEXT", help=text("prefix.prompt_help"))
    parser.add_argument("--save", metavar="NAME", help=text("prefix.save_help"))
    parser.add_argument("--saved", metavar="NAME", help=text("prefix.saved_help"))
    most = MOST_BYTES // 2**20
    parser.add_argument("--most", type=int, default=most, metavar="MIB", help=text("prefix.most_help", most=most))
    parser.add_argument("--new-tokens", type=int, default=16, metavar="N", help=text("cli.new_tokens_help"))
    add_repeats(parser)


def run(args: argparse.Namespace) -> int:
    asked = _text(args.text) if args.text else args.prefix
    with opened(args, config_of(args)) as session:
        if args.save:
            one = asked[0] if isinstance(asked, list) else asked
            kept = session.save_prefix(one if one is not None else 512, args.save, most_bytes=args.most * 2**20)
            said = {
                "name": kept.name,
                "tokens": kept.tokens,
                "size": size(kept.bytes),
                "seconds": seconds(kept.seconds),
            }
            emit(args, kept.to_dict(), [text("prefix.saved", **said)])
            return 0
        options = {"new_tokens": args.new_tokens, "precision": args.precision, "budget_s": args.budget}
        found = session.prefix(asked, args.prompt, saved=args.saved, **options)
        emit(args, recorded(session.facts.name, session.machine, found), lines(found))
    return 0


def lines(found: PrefixReuse) -> list[str]:
    """A row for each prefix, the verdicts under it."""
    heading, rows, remarks = reuse.prefix(found)
    return [*table(rows, (text("prefix.head.tokens"), *heading)), "", *remarks]


def _lengths(word: str) -> list[int]:
    return [int(part) for part in word.split(",")]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("cli.unreadable_file", path=str(path), problem=f"{error}") from error
