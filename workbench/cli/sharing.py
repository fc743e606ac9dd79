"""workbench sharing: who else uses this machine, and whether a model would fit beside them."""

import argparse

from workbench.cli.shared import add_json, add_knobs, config_of, emit, table
from workbench.export import sharing as told
from workbench.words import text
from workbench.words.format import THIN

HELP = "Who else uses this machine: cores, memory, GPU, timed runs; and whether a model would fit."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", nargs="?", metavar="MODEL", help=text("sharing.model_help"))
    parser.add_argument("--device", default="auto", help=text("sharing.device_help"))
    add_knobs(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    from workbench.others import sharing

    config = config_of(args)
    if args.device != "auto":
        config = config.replace(device=args.device)
    found = sharing(config["device"], config, args.model)
    document = {"schema": "workbench.sharing/1", "sharing": found.to_dict()}
    _heading, rows, remarks = told.sharing(found)
    plain = [tuple(cell.replace(THIN, " ") for cell in row) for row in rows]
    emit(args, document, [*table(plain), *([""] if remarks else []), *remarks])
    return 0
