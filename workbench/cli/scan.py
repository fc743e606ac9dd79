"""workbench scan: along one parameter, a line for each configuration."""

import argparse

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
from workbench.results import Scan, recorded
from workbench.scannable import PARAMETERS
from workbench.scanning import rows_of
from workbench.words import text

HELP = "Scan prompt length, rows or threads: speed, latency and memory of several configurations, up to the limit."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scanned", nargs="?", metavar="PARAMETER", help=text("scan.parameter_help"))
    add_bench(parser)
    add_workload(parser)
    parser.add_argument("--parameter", metavar="NAME", help=text("scan.parameter_help"))
    parser.add_argument("--values", type=_numbers, metavar="N,N", help=text("scan.values_help"))
    parser.add_argument("--over", metavar="KNOB=VALUE,VALUE", help=text("scan.over_help"))
    parser.add_argument("--padded", type=float, metavar="SHARE", help=text("scan.padded_help"))
    add_repeats(parser, budget_s=None)


def run(args: argparse.Namespace) -> int:
    parameter = args.parameter or "prompt_tokens"
    if args.scanned in PARAMETERS:
        parameter = args.scanned
    elif args.scanned is not None:  # `workbench scan MODEL`
        args.model = args.scanned
    config = config_of(args)
    stated = (args.preset, args.prompt_tokens, args.batch_size, args.prompts, args.seed)
    workload = workload_of(args) if any(each is not None for each in stated) else None
    over = _over(args.over) if args.over else None
    with opened(args, config) as session:
        found = session.scan(
            parameter,
            args.values,
            over,
            workload=workload,
            new_tokens=args.new_tokens or 16,
            padded=(0.0, args.padded) if args.padded else (0.0,),
            precision=args.precision,
            budget_s=args.budget,
        )
        record = recorded(session.facts.name, session.machine, found, config=found.lines[0].config)
        emit(args, record, lines(found))
    return 0


def lines(found: Scan) -> list[str]:
    """A row for each point, then how it ended, where the knee is, and whether the lines compute the same."""
    header, rows, remarks = rows_of(found)
    ended = text("scan.ended", values=len(found.values), seconds=round(found.seconds), ended=found.ended)
    notes = [text("cli.note", note=flag) for flag in found.flags]
    return [*table(rows, header), "", ended, *remarks, *notes]


def _numbers(word: str) -> tuple[int, ...]:
    return tuple(int(part) for part in word.split(","))


def _over(word: str) -> dict[str, list[object]]:
    """KNOB=VALUE,VALUE as a grid of one knob."""
    name, _, values = word.partition("=")
    return {name: [knobs_of([f"{name}={value}"])[name] for value in values.split(",")]}
