"""workbench tips: what people say about tuning DeepSeek, what is expected of it, and what this machine says."""

import argparse
import sys
import textwrap
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.cli.shared import add_json, emit, table
from workbench.errors import ConfigError
from workbench.words import text, translate

if TYPE_CHECKING:
    from workbench.results import Capability, TipRun, TipsReport
    from workbench.tips import Tip

HELP = "Test what people say about tuning DeepSeek on this machine; list it, show one, report what was found."
COLUMNS = ("id", "statement", "expected", "here")
RUN_COLUMNS = ("id", "statement", "verdict", "because")
_FEW = 3  # tips that are shown whole
_UNITS = {"s": 1, "m": 60, "h": 3600}
_WIDE = (48, 48)  # characters of the statement and of what stands in the way, a line
_CARD = 96


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from workbench.tips.tip import Topic

    topics = ", ".join(Topic)
    what = parser.add_subparsers(dest="what", metavar="list|show|run|report|engine", required=True)
    listed = what.add_parser("list", help=text("tips.help.list"))
    listed.add_argument("--topic", metavar="TOPIC", help=text("tips.help.topic", topics=topics))
    shown = what.add_parser("show", help=text("tips.help.show"))
    shown.add_argument("id", metavar="ID", help=text("tips.help.id"))
    ran = what.add_parser("run", help=text("tips.help.run"))
    ran.add_argument("ids", nargs="*", metavar="ID", help=text("tips.help.id"))
    ran.add_argument("--topic", metavar="TOPIC", help=text("tips.help.topic", topics=topics))
    ran.add_argument("--all", action="store_true", help=text("tips.help.all"))
    ran.add_argument("--budget", type=_seconds, metavar="TIME", help=text("tips.help.budget"))
    ran.add_argument("--report", type=Path, metavar="FOLDER", help=text("tips.help.also_report"))
    ran.add_argument("--model", default="demo", metavar="MODEL", help=text("cli.model_help"))
    written = what.add_parser("report", help=text("tips.help.report"))
    written.add_argument("--out", type=Path, default=Path("tips-report"), metavar="FOLDER", help=text("tips.help.out"))
    written.add_argument("--model", default="demo", metavar="MODEL", help=text("cli.model_help"))
    made = what.add_parser("engine", help=text("tips.help.engine"))
    made.add_argument("name", choices=("onnxruntime", "openvino"), help=text("tips.help.engine_name"))
    for each in (listed, shown, ran, written, made):
        add_json(each)


def run(args: argparse.Namespace) -> int:
    return {"list": _list, "show": _show, "run": _run, "report": _report, "engine": _engine}[args.what](args)


def _list(args: argparse.Namespace) -> int:
    from workbench.results import document
    from workbench.tips.shown import record

    judged = _judged(_chosen(args))
    if args.json:
        print(counted(judged), file=sys.stderr)
    emit(args, document("tips", result=[record(*each) for each in judged]), list_lines(judged))
    return 0


def _show(args: argparse.Namespace) -> int:
    from workbench.results import document
    from workbench.tips import tip
    from workbench.tips.shown import record

    judged = _judged((tip(args.id),))
    emit(args, document("tip", result=record(*judged[0])), card_lines(*judged[0]))
    return 0


def _run(args: argparse.Namespace) -> int:
    """0 when every experiment came to an end; 1 when one ended with an error."""
    from workbench.results import document
    from workbench.runs import Runs
    from workbench.tips.report import write
    from workbench.tips.running import run as run_tips

    if not (args.ids or args.topic or args.all):
        raise ConfigError("tips.nothing_asked")
    tips = _chosen(args)

    def told(tip: "Tip", found: "TipRun") -> None:
        words = text("tips.done", id=tip.id, verdict=translate(found.verdict), seconds=round(found.seconds))
        print(words, file=sys.stderr, flush=True)

    with Runs() as runs:
        report = run_tips(tips, model=args.model, budget_s=args.budget, runs=runs, on_tip=told)
    if args.report:
        from workbench.machine import doctor

        for path in write(report, doctor(), args.report):
            print(path, file=sys.stderr)
    emit(args, document("tips", model=report.model, result=report), run_lines(report, cards=len(tips) <= _FEW))
    return 1 if any(found.failed for found in report.runs) else 0


def _report(args: argparse.Namespace) -> int:
    from workbench.machine import doctor
    from workbench.results import document
    from workbench.runs import Runs
    from workbench.tips.report import kept, write
    from workbench.tips.verdicts_shown import headline

    machine = doctor()
    with Runs() as runs:
        report = kept(runs, machine, args.model)
    if not report.runs:
        raise ConfigError("tips.none_kept", model=args.model)
    paths = write(report, machine, args.out)
    lines = [headline(report), "", *map(str, paths)]
    emit(args, document("tips", model=report.model, result=report), lines)
    return 0


def _engine(args: argparse.Namespace) -> int:
    """Makes the environment that an engine is measured in."""
    from workbench.results import document
    from workbench.tips.apart import ENGINES, make

    folder = make(args.name, said=lambda line: print(line, file=sys.stderr))
    label = ENGINES[args.name].label
    result = {"engine": args.name, "wants": list(ENGINES[args.name].wants)}
    emit(args, document("engine", result=result), [text("tips.engine_made", engine=label, folder=folder)])
    return 0


def _chosen(args: argparse.Namespace) -> "tuple[Tip, ...]":
    """Those that are named, those of the topic, or all, in the order of the registry."""
    from workbench.tips import TIPS, of_topic, tip

    if getattr(args, "ids", None):
        named = {tip(word).id for word in args.ids}
        return tuple(each for each in TIPS.values() if each.id in named)
    return of_topic(args.topic) if args.topic else tuple(TIPS.values())


def _seconds(word: str) -> float:
    """90, 90s, 10m or 1h as seconds; ArgumentTypeError for what is no time."""
    number, unit = (word[:-1], word[-1]) if word[-1:] in _UNITS else (word, "s")
    try:
        value = float(number) * _UNITS[unit]
    except ValueError:
        value = 0.0
    if not value > 0:
        raise argparse.ArgumentTypeError(text("tips.no_time", word=word))
    return value


def run_lines(report: "TipsReport", *, cards: bool) -> list[str]:
    """What was found, the headline last; a card each where there are few."""
    from workbench.tips.verdicts_shown import card, headline, in_order, row

    lines: list[str] = []
    if cards:
        for each in in_order(report.runs):
            lines += [each.id, "", *_blocks(card(each)), ""]
        return [*lines, headline(report)]
    rows: list[tuple[str, ...]] = []
    for id_, statement, verdict, expected, because in map(row, in_order(report.runs)):
        said, why = _folded(statement, _WIDE[0]), _folded(f"{because} {expected}".strip(), _WIDE[1])
        rows += [
            (id_ if not place else "", _at(said, place), verdict if not place else "", _at(why, place))
            for place in range(max(len(said), len(why)))
        ]
    return [*table(rows, [text(f"tips.head.{name}") for name in RUN_COLUMNS]), "", headline(report)]


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
    """One tip: all that is known of it without a run."""
    from workbench.tips.shown import card

    return [f"{tip.id}", "", *_blocks(card(tip, can)), "", text("tips.not_measured")]


def _blocks(rows: list[tuple[str, str]]) -> list[str]:
    """A block for each thing; what repeats its heading stands below without it."""
    lines, before = [], ""
    width = max(len(what) for what, _words in rows)
    for what, words in rows:
        folded = [words] if words.startswith("    ") else _folded(words, _CARD)  # code stays as it is
        for place, line in enumerate(folded):
            head = what if place == 0 and what != before else ""
            lines.append(f"{head.ljust(width)}  {line}".rstrip())
        before = what
    return lines


def counted(judged: "list[tuple[Tip, Capability]]") -> str:
    """How many there are, how many can be tested here, and what is expected of how many."""
    found: Counter[Any] = Counter(tip.expected.verdict for tip, _can in judged)
    parts = [text("tips.of_verdict", verdict=translate(verdict), count=count) for verdict, count in found.most_common()]
    can = sum(can.ok for _tip, can in judged)
    return text("tips.counted", count=len(judged), able=can, expected=", ".join(parts))


def _judged(tips: "tuple[Tip, ...]") -> "list[tuple[Tip, Capability]]":
    """With whether each can be tested on this machine, by what the doctor knows."""
    from workbench.machine import doctor
    from workbench.tips import can_test
    from workbench.tips.apart import installed_engines

    machine, engines = doctor(), installed_engines()
    return [(tip, can_test(tip, machine, engines)) for tip in tips]


def _folded(words: str, width: int) -> list[str]:
    return textwrap.wrap(words, width, break_on_hyphens=False)


def _at(lines: list[str], place: int) -> str:
    return lines[place] if place < len(lines) else ""
