"""workbench convert: a pickle-only checkpoint as safetensors, with checksums."""

import argparse
import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any

from workbench.catalog.sources import weights_in
from workbench.cli.shared import add_json, emit, progress_on
from workbench.errors import ConfigError, ModelError
from workbench.probes.context import Context
from workbench.results import Event
from workbench.words import text

HELP = "Convert a checkpoint that exists only as a pickle to safetensors, without running what it may contain."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, metavar="PATH", help=text("convert.path_help"))
    parser.add_argument("--output", type=Path, metavar="FOLDER", help=text("convert.output_help"))
    parser.add_argument("--yes", action="store_true", help=text("convert.yes_help"))
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    from workbench.hub import convert

    folder = args.path.expanduser()
    folder = folder.parent if folder.is_file() else folder
    if not folder.is_dir():
        raise ModelError("convert.not_local", name=str(args.path))
    name = folder.resolve().name
    kind, file = weights_in(folder)
    if kind != "pickle":
        raise ModelError("convert.no_pickle", name=str(args.path), kind=kind or "-")
    pickles = convert.examine(folder, name)
    target = args.output.expanduser() if args.output else convert.default_target(pickles)
    if not convert.is_made(target, pickles) and not args.yes:
        _ask(pickles, target, file, str(args.path))
    made = convert.convert(pickles, Context(_shown()), args.output and target)
    manifest = json.loads((made / convert.MANIFEST).read_text(encoding="utf-8"))
    size = sum(entry["bytes"] for entry in manifest["files"].values())
    document = {**manifest, "folder": str(made)}
    told = text("convert.done", files=len(manifest["files"]), size=round(size / 1e6), manifest=convert.MANIFEST)
    print(f"\n{told}" if sys.stderr.isatty() else told, file=sys.stderr)
    emit(args, document, [str(made)])
    return 0


def _ask(pickles: Any, target: Path, file: str, path: str) -> None:
    """Goes on after a typed yes; ConfigError when there is nobody to ask, or the answer is another."""
    refusal = ConfigError("convert.needs_yes", name=pickles.name, file=file, path=path)
    if not sys.stdin.isatty():
        raise refusal
    size = round(pickles.bytes / 1e6)
    print(text("convert.question", name=pickles.name, file=file, size=size, target=target), end="", file=sys.stderr)
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise refusal


def _shown() -> Any:
    show, count = progress_on(), itertools.count()

    def emitted(name: str, data: Any) -> None:
        if name == "progress":
            show(Event(name, 0, next(count), time.monotonic(), data))

    return emitted
