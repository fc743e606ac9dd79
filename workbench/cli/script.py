"""workbench script: what the arguments of a slow script really do, and the script with them mended. Nothing is run."""

import argparse
import sys
import unicodedata
from pathlib import Path

from workbench import pasted
from workbench.cli.shared import add_json, emit, table
from workbench.errors import ConfigError
from workbench.knobs import KNOBS
from workbench.machine import doctor
from workbench.pasted import Mark, Pasted
from workbench.words import text
from workbench.words.format import knob_value, printable

HELP = (
    "Read a slow script: its base line, each argument that is unknown, old, ignored or harmful, and the corrected one."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help=text("pasted.help.file"))
    parser.add_argument("--fix", action="store_true", help=text("pasted.help.fix"))
    parser.add_argument("--diff", action="store_true", help=text("pasted.help.diff"))
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    found = pasted.read(_text(args.file), machine=doctor(), look=pasted.ids_of)
    if args.json:
        emit(args, {**found.record(), "corrected": found.corrected}, ())
    elif args.fix or args.diff:
        sys.stdout.write(found.diff if args.diff else found.corrected)
        print("\n".join(_left(found)), end="\n" if found.unmended else "", file=sys.stderr)
    else:
        emit(args, None, lines(found))
    return 0


def _text(name: str) -> str:
    if name == "-":
        return sys.stdin.read()
    try:
        with Path(name).open(encoding="utf-8", newline="") as file:  # line ends stay as they are
            return file.read()
    except (OSError, ValueError) as error:
        raise ConfigError("cli.unreadable_file", path=name, problem=str(error)) from error


def lines(found: Pasted) -> list[str]:
    """Each mark under its line, then the base line, then what is not known."""
    source = found.text.splitlines() if not found.marks else _rows(found.text)
    marked = [line for mark in found.marks for line in _mark(mark, source[mark.line - 1])]
    knobs = [
        (name, knob_value(value), _where(found, name)) for name, value in found.config.items() if _shown(found, name)
    ]
    heading = f"{text('pasted.shown.base_line')}: {printable(found.model or text('pasted.shown.unknown'))}"
    notes = [f"- {printable(str(each), 400)}" for each in (*found.unknowns, *found.notes)]
    return [*(marked or [text("pasted.shown.clean"), ""]), heading, *table(knobs), "", *notes]


def _rows(source: str) -> list[str]:
    return source.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _mark(mark: Mark, line: str) -> list[str]:
    kind = text(f"pasted.shown.kind.{mark.kind}")
    head = f"{mark.line:>5} | "
    shown, column, end = line.expandtabs(1), mark.column, min(mark.end, len(line))
    if len(shown) > 160:  # the part around the mark
        cut = max(0, column - 40)
        shown, column, end = shown[cut : cut + 160], column - cut, min(end - cut, 160)
    width = [_cells(shown[:column]), max(1, _cells(shown[column:end]))]
    return [
        head + printable(shown),
        " " * (len(head) + width[0]) + "^" * width[1] + f" {kind}",
        *(f"        {each}" for each in (mark.what, mark.why, mark.instead) if each),
        f"        {text('pasted.shown.source', source=mark.source)}",
        "",
    ]


def _cells(words: str) -> int:
    """Columns on a terminal: a wide character takes two."""
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in words)


def _shown(found: Pasted, name: str) -> bool:
    return name in found.said or found.config[name] != KNOBS[name].default


def _where(found: Pasted, name: str) -> str:
    return text("pasted.shown.said" if name in found.said else "pasted.shown.silent")


def _left(found: Pasted) -> list[str]:
    return [text("pasted.note.unmended", line=mark.line, argument=mark.argument) for mark in found.unmended]
