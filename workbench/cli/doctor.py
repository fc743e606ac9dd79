"""workbench doctor: what this machine is and what it can run."""

import argparse
import sys

from workbench.cli.shared import add_json, emit
from workbench.words import text

HELP = "Report what this machine can run, and why not where it cannot."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--refresh", action="store_true", help=text("machine.help.refresh"))
    parser.add_argument("--no-measure", action="store_true", help=text("machine.help.no_measure"))
    parser.add_argument("--model", metavar="SLUG", help=text("machine.help.model"))
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """0; 1 when no model can be loaded here, because torch or transformers does not import."""
    from workbench.machine import doctor, values
    from workbench.results import document

    machine = doctor(
        refresh=args.refresh,
        measure=not args.no_measure,
        progress=lambda words: print(words, file=sys.stderr, flush=True),
    )
    found = values(machine, args.model)
    whole = {**document("doctor", result=machine), "values": found.to_dict()}
    emit(args, whole, [*str(machine).splitlines(), "", *str(found).splitlines()])
    return 0 if machine.torch is not None and machine.torch.transformers_problem is None else 1
