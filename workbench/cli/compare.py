"""workbench compare: two configurations against each other, by interleaved pairs."""

import argparse
from typing import get_args

from workbench.cli.shared import (
    add_bench,
    add_repeats,
    add_workload,
    config_of,
    emit,
    knobs_of,
    opened,
    table,
    workload_of,
)
from workbench.judging import COMPARED
from workbench.metrics import METRICS
from workbench.results import Comparison, Way, recorded
from workbench.words import text
from workbench.words.format import interval, ratio

HELP = "Compare two configurations by short runs that alternate, with a noise floor and a verdict."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_bench(parser)
    parser.add_argument(
        "--against", action="append", required=True, metavar="KNOB=VALUE", help=text("compare.against_help")
    )
    add_workload(parser)
    add_repeats(parser)
    parser.add_argument("--quick", action="store_true", help=text("compare.quick_help"))
    parser.add_argument("--way", choices=get_args(Way), help=text("compare.way_help"))


def run(args: argparse.Namespace) -> int:
    first, workload = config_of(args), workload_of(args)
    second = first.replace(**knobs_of(args.against))
    with opened(args, first) as session:
        options = {"precision": args.precision, "budget_s": args.budget, "way": args.way}
        comparison = session.compare(second, first, workload, quick=args.quick, **options)
        record = recorded(session.facts.name, session.machine, comparison, config=first)
        emit(args, record, lines(comparison))
    return 0


def lines(comparison: Comparison) -> list[str]:
    """The verdicts, then the numbers behind them."""
    header = tuple(text(f"compare.head.{name}") for name in ("metric", "ratio", "interval", "floor"))
    rows = [
        (
            METRICS[name].label,
            f"{comparison.ratio[name]:.3f}×",
            interval(comparison.ci95.get(name), 4),
            ratio(comparison.noise_floor.get(name)),
        )
        for name in COMPARED
    ]
    verdicts = [str(comparison.verdict[name]) for name in COMPARED]
    if comparison.agreement is not None:
        verdicts.append(str(comparison.agreement.verdict))
    told = text(
        f"compare.pairs_{comparison.way}",
        pairs=comparison.pairs,
        loads=comparison.loads,
        seconds=round(comparison.seconds),
        loop=comparison.loop,
    )
    return [*verdicts, "", *table(rows, header), "", told, *(text("cli.note", note=flag) for flag in comparison.flags)]
