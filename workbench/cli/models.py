"""workbench models: what is on this machine and what of it fits."""

import argparse
import sys

from workbench.cli.shared import add_json, emit, table
from workbench.results import Workload, document
from workbench.results.inventory import Inventory
from workbench.words import text
from workbench.words.format import THIN, printable, size

HELP = "List the models on this machine: size, dtype, class, quantisation, format, and whether they fit."
COLUMNS = ("name", "place", "bytes", "format", "dtype", "class", "quantization", "fits")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fits", action="store_true", help=text("inventory.fits_help"))
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    from workbench.hub.inventory import inventory
    from workbench.machine import doctor

    found = inventory(doctor())
    whole = len(found.entries)
    if args.fits:
        fitting = tuple(entry for entry in found.entries if entry.fits and entry.problem is None)
        found = found.model_copy(update={"entries": fitting})
    if args.json:
        for line in notes(found):
            print(line, file=sys.stderr)
    lines = table([entry.cells() for entry in found.entries], [text(f"inventory.head.{name}") for name in COLUMNS])
    lines += ["", *notes(found)]
    if args.fits:
        lines.append(text("inventory.only_fitting", shown=len(found.entries), count=whole))
    emit(args, document("models", result=found), [line.replace(THIN, " ") for line in lines])
    return 0


def notes(found: Inventory) -> list[str]:
    """What is wrong with the damaged ones, what could not be listed, and how much memory is free."""
    lines = [
        text("inventory.problem", name=printable(entry.name), problem=printable(str(entry.problem), 600))
        for entry in found.entries
        if entry.problem is not None
    ]
    lines += [str(message) for message in found.unreadable]
    if found.available_bytes is None:
        return [*lines, text("inventory.free_unknown")]
    work = Workload()
    free = text(
        "inventory.free",
        available=size(found.available_bytes),
        device=found.device,
        tokens=f"{work.prompt_tokens} + {work.new_tokens} tokens",
    )
    return [*lines, free]
