"""workbench notebooks: copies of the notebooks to work in, and back to how they came."""

import argparse
from pathlib import Path

from workbench.cli.shared import add_json, emit
from workbench.notebooks import copies
from workbench.words import language, text

HELP = text("notebooks.help")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help=text("notebooks.folder_help"))
    parser.add_argument("--reset", action="store_true", help=text("notebooks.reset_help"))
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    paths = [str(path) for path in copies(args.folder, reset=args.reset)]
    emit(args, {"schema": "workbench.notebooks/1", "language": language(), "files": paths}, paths)
    return 0
