"""workbench quantize: a GPTQ or AWQ copy of a model, calibrated with a text."""

import argparse
import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any

from workbench.cli.shared import add_json, add_model, emit, progress_on
from workbench.probes.context import Context
from workbench.results import Event
from workbench.words import text

HELP = "Make a GPTQ or AWQ copy of a model, calibrated with a text, and keep it in the home directory."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument("--method", default="gptq", help=text("calibrate.method_help"))
    parser.add_argument("--bits", type=int, default=4, metavar="N", help=text("calibrate.bits_help"))
    parser.add_argument("--group-size", type=int, default=64, metavar="N", help=text("calibrate.group_help"))
    parser.add_argument("--calibration", type=Path, metavar="FILE", help=text("calibrate.text_help"))
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    from workbench.catalog.quantized import MANIFEST
    from workbench.hub.quantize import quantize

    try:
        made = quantize(
            args.model,
            args.method,
            bits=args.bits,
            group_size=args.group_size,
            calibration_text=args.calibration,
            revision=args.revision,
            context=Context(_shown()),
        )
    finally:
        if sys.stderr.isatty():
            print(file=sys.stderr)
    manifest = json.loads((made.folder / MANIFEST).read_text(encoding="utf-8"))
    for line in _told(manifest):
        print(line, file=sys.stderr)
    emit(args, {**manifest, "folder": str(made.folder)}, [str(made.folder)])
    return 0


def _told(manifest: dict[str, Any]) -> list[str]:
    used = manifest["calibration"]
    size = round(sum(entry["bytes"] for entry in manifest["files"].values()) / 1e6)
    told = {name: manifest[name] for name in ("method", "bits", "group_size", "seconds")}
    lines = [text("calibrate.done", size=size, text=used["name"], tokens=used["tokens"], **told)]
    if used["leaked"]:
        lines.append(text("calibrate.leaked", domains=", ".join(used["leaked"])))
    if used["tokens"] < used["widest"]:
        lines.append(text("calibrate.few_tokens", tokens=used["tokens"], widest=used["widest"]))
    return lines


def _shown() -> Any:
    show, count = progress_on(), itertools.count()

    def emitted(name: str, data: Any) -> None:
        if name == "progress":
            show(Event(name, 0, next(count), time.monotonic(), data))

    return emitted
