"""workbench download: a model from the hub into its cache, every file checked, going on where it was interrupted."""

import argparse
import itertools
import sys
import time
from collections.abc import Callable
from typing import Any

from workbench.cli.shared import add_json, emit, progress_on
from workbench.errors import ConfigError, Stopped
from workbench.probes.context import Context
from workbench.results import Event
from workbench.words import text
from workbench.words.format import size

HELP = "Download a model from the hub, check every file, and go on where a download was interrupted."
_EVERY_PERCENT = 10  # a line in a log, where nothing can be rewritten


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="ID", help=text("hub.id_help"))
    parser.add_argument("--revision", help=text("cli.revision_help"))
    parser.add_argument("--allow-pickle", action="store_true", help=text("hub.allow_pickle_help"))
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    from workbench.catalog.sources import find
    from workbench.hub.caches import commit_of
    from workbench.hub.download import download

    if find(args.model, args.revision).kind != "hub":
        raise ConfigError("hub.not_an_id", name=repr(args.model))
    try:
        folder = download(args.model, args.revision, Context(_shown()), allow_pickle=args.allow_pickle)
    except KeyboardInterrupt:
        raise Stopped("hub.interrupted", name=args.model) from None
    finally:
        if sys.stderr.isatty():
            print(file=sys.stderr)
    files = {file.name: file.stat().st_size for file in sorted(folder.iterdir()) if file.is_file()}
    told = text("hub.downloaded", name=args.model, files=len(files), size=size(sum(files.values())))
    print(told, file=sys.stderr)
    document = {
        "schema": "workbench.download/1",
        "model": args.model,
        "revision": args.revision,
        "commit": commit_of(folder),
        "files": files,
        "folder": str(folder),
    }
    emit(args, document, [str(folder)])
    return 0


def _shown() -> Callable[[str, Any], None]:
    show, count = progress_on(), itertools.count()
    said = -1

    def emitted(name: str, data: Any) -> None:
        nonlocal said
        if name == "note":
            print(data, file=sys.stderr, flush=True)
        elif name == "progress" and sys.stderr.isatty():
            show(Event(name, 0, next(count), time.monotonic(), data))
        elif name == "progress":
            percent = int(100 * data["done"] / data["total"]) // _EVERY_PERCENT * _EVERY_PERCENT
            if percent != said:
                said = percent
                print(f"{data['what']}: {percent} % of {size(data['total'])}", file=sys.stderr, flush=True)

    return emitted
