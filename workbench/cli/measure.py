"""workbench measure: speed and memory of one configuration of one model."""

import argparse
import sys
from typing import TYPE_CHECKING

from workbench.cli.shared import (
    add_json,
    add_knobs,
    add_model,
    add_workload,
    config_of,
    emit,
    progress_on,
    table,
    workload_of,
)
from workbench.export.numbers import conditions, rows
from workbench.hosts.registry import WHEN_BUSY
from workbench.results import Measurement, measurement_record
from workbench.words import text

if TYPE_CHECKING:
    from workbench.session import Session

HELP = "Measure speed and memory of one configuration, repeated until the interval is narrow enough."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    add_knobs(parser)
    add_workload(parser)
    parser.add_argument("--precision", type=float, default=0.05, metavar="SHARE", help=text("cli.precision_help"))
    parser.add_argument("--budget", type=float, default=60.0, metavar="SECONDS", help=text("cli.budget_help"))
    parser.add_argument("--host", choices=("process", "inline"), default="process", help=text("cli.host_help"))
    parser.add_argument("--when-busy", choices=WHEN_BUSY, help=text("engines.when_busy_help"))
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    config, workload = config_of(args), workload_of(args)
    from workbench.session import Session

    print(text("cli.loading", model=args.model), file=sys.stderr)
    with Session(
        args.model, revision=args.revision, config=config, host=args.host, when_busy=args.when_busy
    ) as session:
        session.on("progress", progress_on())
        measurement = session.measure(workload, precision=args.precision, budget_s=args.budget)
        record = measurement_record(session.facts.name, session.machine, session.config, measurement)
        emit(args, record, lines(measurement, session))
    return 0


def lines(measurement: Measurement, session: "Session") -> list[str]:
    """The table, what differed from what was asked, and what is worth knowing about the numbers."""
    written = [f"{session.facts.name} · {session.machine.label} · {session.config!r}"]
    written += [str(difference) for difference in measurement.resolved.differences(session.config)]
    written += ["", *table(rows(measurement), (text("cli.metric"), text("cli.value"), text("cli.interval")))]
    written += ["", conditions(measurement)]
    return written + [text("cli.note", note=flag) for flag in measurement.flags]
