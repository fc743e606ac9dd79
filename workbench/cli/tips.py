"""workbench tips: what people say about tuning DeepSeek, and what is expected of it."""

import argparse
import sys
import textwrap
from collections import Counter
from typing import TYPE_CHECKING, Any

from workbench.cli.shared import add_json, emit, table
from workbench.words import text, translate

if TYPE_CHECKING:
    from workbench.results import Capability
    from workbench.tips import Tip

HELP = "List what people say about tuning DeepSeek, with the verdict that is expected of each; show one."
COLUMNS = ("id", "statement", "expected", "here")
_WIDE = (48, 48)  # characters of the statement and of what stands in the way, a line
_CARD = 96


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", metavar="list|show", required=True)
    listed = what.add_parser("list", help=text("tips.help.list"))
    from workbench.tips.tip import Topic

    listed.add_argument("--topic", metavar="TOPIC", help=text("tips.help.topic", topics=", ".join(Topic)))
    shown = what.add_parser("show", help=text("tips.help.show"))
    shown.add_argument("id", metavar="ID", help=text("tips.help.id"))
    add_json(listed)
    add_json(shown)


def run(args: argparse.Namespace) -> int:
    from workbench.results import document
    from workbench.tips import TIPS, of_topic, tip
    from workbench.tips.shown import record

    if args.what == "show":
        asked: tuple[Tip, ...] = (tip(args.id),)
    else:
        asked = of_topic(args.topic) if args.topic else tuple(TIPS.values())
    judged = _judged(asked)
    if args.what == "show":
        emit(args, document("tip", result=record(*judged[0])), card_lines(*judged[0]))
        return 0
    if args.json:
        print(counted(judged), file=sys.stderr)
    emit(args, document("tips", result=[record(*each) for each in judged]), list_lines(judged))
    return 0


def list_lines(judged: "list[tuple[Tip, Capability]]") -> list[str]:
    """The table, and below it how many of what is expected."""
    from workbench.tips.shown import row

    rows: list[tuple[str, ...]] = []
    for each in judged:
        id_, statement, expected, here = row(*each)
        said, why = _folded(statement, _WIDE[0]), _folded(here, _WIDE[1])
        for place in range(max(len(said), len(why))):
            first = (id_, expected) if place == 0 else ("", "")
            rows.append((first[0], _at(said, place), first[1], _at(why, place)))
    return [*table(rows, [text(f"tips.head.{name}") for name in COLUMNS]), "", counted(judged)]


def card_lines(tip: "Tip", can: "Capability") -> list[str]:
    """One tip, a block for each thing that is known of it; what repeats its heading stands below without it."""
    from workbench.tips.shown import card

    lines, before = [f"{tip.id}", ""], ""
    rows = card(tip, can)
    width = max(len(what) for what, _words in rows)
    for what, words in rows:
        code = words.startswith("    ")
        folded = [words] if code else _folded(words, _CARD)
        for place, line in enumerate(folded):
            head = what if place == 0 and what != before else ""
            lines.append(f"{head.ljust(width)}  {line}".rstrip())
        before = what
    return [*lines, "", text("tips.not_measured")]


def counted(judged: "list[tuple[Tip, Capability]]") -> str:
    """How many there are, how many can be tested here, and what is expected of how many."""
    found: Counter[Any] = Counter(tip.expected.verdict for tip, _can in judged)
    parts = [text("tips.of_verdict", verdict=translate(verdict), count=count) for verdict, count in found.most_common()]
    can = sum(can.ok for _tip, can in judged)
    return text("tips.counted", count=len(judged), able=can, expected=", ".join(parts))


def _judged(tips: "tuple[Tip, ...]") -> "list[tuple[Tip, Capability]]":
    """With whether each can be tested on this machine, by what the doctor knows."""
    from workbench.machine import doctor
    from workbench.machine.facts import installed_versions
    from workbench.tips import can_test
    from workbench.tips.needs import OTHER_PACKAGES

    machine, versions = doctor(), installed_versions(tuple(OTHER_PACKAGES))
    return [(tip, can_test(tip, machine, versions)) for tip in tips]


def _folded(words: str, width: int) -> list[str]:
    return textwrap.wrap(words, width, break_on_hyphens=False)


def _at(lines: list[str], place: int) -> str:
    return lines[place] if place < len(lines) else ""
