"""The command line: `workbench <verb>`, one file a verb, imported when it is used.

A verb's module has HELP (one line), `add_arguments(parser)` and `run(args) -> int`. Exit status: 0 done, 1 failed,
2 wrong usage. With `--json` a verb prints one document on stdout and everything else on stderr.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from workbench import __version__
from workbench.errors import ConfigError, DeviceBusy, WorkbenchError
from workbench.words import text, translate

VERBS = (
    "doctor",
    "measure",
    "compare",
    "check",
    "scan",
    "sweep",
    "batching",
    "prefix",
    "speculation",
    "decoding",
    "windows",
    "offload",
    "crossover",
    "energy",
    "limits",
    "latency",
    "monitor",
    "memory",
    "advise",
    "trace",
    "quality",
    "sensitivity",
    "census",
    "tokens",
    "script",
    "export",
    "report",
    "endpoint",
    "convert",
    "quantize",
    "download",
    "models",
    "runs",
    "engines",
    "sharing",
    "tips",
    "gpu-check",
    "kernel",
    "notebooks",
    "lab",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb and returns its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        args = _parser(words).parse_args(words)
    except SystemExit as end:  # argparse has printed its help or its complaint
        return end.code if isinstance(end.code, int) else 2
    try:
        return int(args.run(args))
    except WorkbenchError as error:
        print(f"workbench {args.verb}: {error}", file=sys.stderr)
        if isinstance(error, DeviceBusy) and hasattr(args, "when_busy"):
            print(text("cli.when_busy"), file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:
        print(text("cli.interrupted"), file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader (head, less) has gone; Python must not complain when it flushes at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="workbench", description=text("cli.description"))
    parser.add_argument("--version", action="version", version=f"workbench {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    named = next((word for word in words if not word.startswith("-")), None)
    for verb in (named,) if named in VERBS else VERBS:
        module = _module(verb)
        sub = verbs.add_parser(verb, help=translate(module.HELP), description=translate(module.HELP))
        module.add_arguments(sub)
        sub.set_defaults(run=module.run)
    return parser


def _module(verb: str) -> Any:
    return import_module(f"workbench.cli.{verb.replace('-', '_')}")
