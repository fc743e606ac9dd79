"""workbench measure: speed and memory of one configuration of one model."""

import argparse
from typing import TYPE_CHECKING

from workbench.cli.shared import (
    add_bench,
    add_repeats,
    add_workload,
    config_of,
    emit,
    opened,
    table,
    workload_of,
)
from workbench.export.numbers import conditions, rows
from workbench.results import Measurement, recorded
from workbench.words import text

if TYPE_CHECKING:
    from workbench.session import Session

HELP = "Measure speed and memory of one configuration, repeated until the interval is narrow enough."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_bench(parser)
    add_workload(parser)
    add_repeats(parser)
    parser.add_argument("--host", choices=("process", "inline"), default="process", help=text("cli.host_help"))


def run(args: argparse.Namespace) -> int:
    config, workload = config_of(args), workload_of(args)
    with opened(args, config, host=args.host) as session:
        measurement = session.measure(workload, precision=args.precision, budget_s=args.budget)
        record = recorded(session.facts.name, session.machine, measurement, config=session.config)
        emit(args, record, lines(measurement, session))
    return 0


def lines(measurement: Measurement, session: "Session") -> list[str]:
    """The table, what differed from what was asked, and what is worth knowing about the numbers."""
    written = [f"{session.facts.name} · {session.machine.label} · {session.config!r}"]
    written += [str(difference) for difference in measurement.resolved.differences(session.config)]
    written += ["", *table(rows(measurement), (text("cli.metric"), text("cli.value"), text("cli.interval")))]
    written += ["", conditions(measurement)]
    return written + [text("cli.note", note=flag) for flag in measurement.flags]
