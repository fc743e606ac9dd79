"""workbench engines: which models are resident on this machine, and whose they are."""

import argparse
from dataclasses import asdict

from workbench.cli.shared import add_json, emit, table
from workbench.words import text
from workbench.words.format import THIN, size

HELP = "List the engines that are alive: device, model, memory, and the notebook that has them."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    from workbench.hosts.registry import holders

    found = holders()
    header = tuple(text(f"engines.head.{name}") for name in ("device", "model", "size", "notebook", "process"))
    rows = [
        (
            engine.device,
            engine.model,
            text("engines.loading") if engine.bytes is None else size(engine.bytes).replace(THIN, " "),
            engine.notebook,
            str(engine.owner_pid),
        )
        for engine in found
    ]
    document = {"schema": "workbench.engines/1", "engines": [asdict(engine) for engine in found]}
    emit(args, document, table(rows, header) if rows else [text("engines.none")])
    return 0
