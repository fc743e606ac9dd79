"""workbench check: a kept configuration measured again, against its record.

Exit status 1 for a regression and where there is no verdict: whoever watches must see that nothing was checked.
"""

import argparse
from pathlib import Path

from workbench.cli.shared import add_json, add_repeats, add_workload, emit, progress_on, table, workload_of
from workbench.export.numbers import conditions, written
from workbench.hosts.registry import WHEN_BUSY
from workbench.metrics import METRICS
from workbench.results import Check, recorded
from workbench.results.check import TOLERANCE
from workbench.words import text
from workbench.words.format import interval, printable

HELP = "Measure a kept configuration again; exit status 1 where it got worse than its record, or where nobody can tell."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help=text("check.help.file"))
    parser.add_argument("--model", help=text("check.help.model"))
    parser.add_argument("--revision", help=text("cli.revision_help"))
    parser.add_argument(
        "--tolerance",
        type=float,
        default=TOLERANCE,
        metavar="SHARE",
        help=text("check.help.tolerance", default=TOLERANCE),
    )
    parser.add_argument("--anyway", action="store_true", help=text("check.help.anyway"))
    parser.add_argument("--when-busy", choices=WHEN_BUSY, help=text("engines.when_busy_help"))
    parser.add_argument("--host", choices=("process", "inline"), default="process", help=text("cli.host_help"))
    add_workload(parser)
    add_repeats(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    from workbench.checking import check
    from workbench.machine import doctor

    asked = any(
        getattr(args, name) is not None
        for name in ("preset", "prompt_tokens", "new_tokens", "batch_size", "prompts", "seed")
    )
    found = check(
        args.file,
        model=args.model,
        revision=args.revision,
        workload=workload_of(args) if asked else None,
        tolerance=args.tolerance,
        precision=args.precision,
        budget_s=args.budget,
        anyway=args.anyway,
        host=args.host,
        when_busy=args.when_busy,
        progress=progress_on(),
    )
    emit(args, recorded(found.model, doctor(), found), lines(found))
    return 0 if found.ok else 1


def lines(check: Check) -> list[str]:
    """The table, the verdict, why there is none, and what is worth knowing about the numbers."""
    header = (
        text("cli.metric"),
        *(text(f"check.head.{name}") for name in ("recorded", "now")),
        text("compare.head.ratio"),
        text("cli.interval"),
        text("check.head.verdict"),
    )
    rows = [
        (
            METRICS[name].label,
            written(metric.recorded, METRICS[name].unit),
            written(metric.now, METRICS[name].unit),
            f"{metric.ratio:.3f}×",
            interval(metric.ratio_ci95, 4),
            text(f"check.word.{metric.verdict}"),
        )
        for name, metric in check.metrics.items()
    ]
    against = text("check.against", model=printable(check.model), time=str(check.record_time or "?")[:19])
    told = [against, "", *table(rows, header), "", str(check.said), *map(str, check.reasons)]
    notes = [*check.caveats, *check.measurement.flags]
    return [*told, "", conditions(check.measurement), *(text("cli.note", note=note) for note in notes)]
