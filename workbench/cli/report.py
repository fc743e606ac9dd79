"""workbench report: what was found on this bench, as a page to hand on and, with --sign-off, to sign."""

import argparse
from pathlib import Path

from workbench.cli.shared import add_bench, config_in, config_of, emit, opened
from workbench.constraints import stated
from workbench.words import text

HELP = text("report.help")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_bench(parser)
    parser.add_argument("--output", type=Path, default=Path("report"), help=text("report.output_help"))
    parser.add_argument("--sign-off", action="store_true", help=text("report.sign_off_help"))
    parser.add_argument("--target", action="append", default=[], metavar="LIMIT", help=text("report.target_help"))
    parser.add_argument("--roll-back", type=Path, metavar="FILE", help=text("report.roll_back_help"))


def run(args: argparse.Namespace) -> int:
    targets = stated(args.target)
    back = config_in(args.roll_back) if args.roll_back else None
    with opened(args, config_of(args)) as session:
        paths = session.report(args.output, sign_off=args.sign_off, targets=targets, roll_back=back)
    emit(args, {"schema": "workbench.report/1", "files": [str(path) for path in paths]}, [str(path) for path in paths])
    return 0
