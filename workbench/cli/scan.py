"""workbench scan: prefill and decode along one parameter, a line for each configuration."""

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
from workbench.metrics import METRICS
from workbench.results import Scan, scan_record
from workbench.words import text
from workbench.words.format import interval, measured, ratio, size

HELP = "Scan prompt length, rows or threads: prefill and decode of several configurations, up to the limit."
_METRICS = ("prefill_tps", "decode_tps")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_bench(parser)
    add_workload(parser)
    parser.add_argument("--parameter", default="prompt_tokens", metavar="NAME", help=text("scan.parameter_help"))
    parser.add_argument("--values", type=_numbers, metavar="N,N", help=text("scan.values_help"))
    parser.add_argument("--over", metavar="KNOB=VALUE,VALUE", help=text("scan.over_help"))
    parser.add_argument("--padded", type=float, metavar="SHARE", help=text("scan.padded_help"))
    add_repeats(parser, budget_s=120.0)


def run(args: argparse.Namespace) -> int:
    config, workload = config_of(args), workload_of(args)
    over = _over(args.over) if args.over else None
    with opened(args, config) as session:
        found = session.scan(
            args.parameter,
            args.values,
            over,
            workload=workload,
            new_tokens=args.new_tokens or 16,
            padded=(0.0, args.padded) if args.padded else (0.0,),
            precision=args.precision,
            budget_s=args.budget,
        )
        record = scan_record(session.facts.name, session.machine, found.lines[0].config, found)
        emit(args, record, lines(found))
    return 0


def lines(found: Scan) -> list[str]:
    """A row for each point, then how it ended and whether the lines compute the same."""
    names = [METRICS[name].label for name in _METRICS]
    header = (text("scan.head.value"), text("scan.head.line"), *names, text("scan.head.ratio"), text("scan.head.peak"))
    rows = [
        (
            str(point.value),
            found.lines[point.line].label or "-",
            *(measured(point.mean[name], point.ci95.get(name), METRICS[name].unit) for name in _METRICS),
            f"{ratio(point.ratio['decode_tps'])} {interval(point.ratio_ci95.get('decode_tps'))}"
            if point.ratio
            else "-",
            size(point.peak_bytes),
        )
        for point in sorted(found.points, key=lambda point: (point.value, point.line))
    ]
    ended = text("scan.ended", values=len(found.values), seconds=round(found.seconds), ended=found.ended)
    ends = [
        text("scan.line_ends", line=found.lines[end.line].label, value=end.value, reason=end.reason)
        for end in found.ends
    ]
    agreed = [str(one.verdict) for one in found.agreement]
    notes = [text("cli.note", note=flag) for flag in found.flags]
    return [*table(rows, header), "", ended, *ends, *agreed, *notes]


def _numbers(word: str) -> tuple[int, ...]:
    return tuple(int(part) for part in word.split(","))


def _over(word: str) -> dict[str, list[object]]:
    """KNOB=VALUE,VALUE as a grid of one knob."""
    name, _, values = word.partition("=")
    return {name: [knobs_of([f"{name}={value}"])[name] for value in values.split(",")]}
