"""workbench runs: the measurements that were kept."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.cli.runs_shown import differing, listing, whole
from workbench.cli.shared import add_json, emit, knobs_of
from workbench.errors import ConfigError
from workbench.words import text

if TYPE_CHECKING:
    from workbench.runs import Runs
    from workbench.runs.conditions import Asked

HELP = "List, show, compare, tag, delete, export and import the runs that were kept."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", metavar="|".join(_DOES), required=True)
    subs = {name: what.add_parser(name, help=text(f"runs.help.{name}")) for name in _DOES}
    for name in ("list", "delete", "export"):
        _add_conditions(subs[name])
    subs["list"].add_argument("--limit", type=int, default=20, metavar="N", help=text("cli.runs_limit_help"))
    subs["show"].add_argument("id", type=int)
    for side in ("a", "b"):
        subs["diff"].add_argument(side, type=int, metavar=side.upper())
    subs["delete"].add_argument("ids", type=int, nargs="*", metavar="ID")
    subs["delete"].add_argument("--all", action="store_true", dest="everything", help=text("runs.help.all"))
    subs["export"].add_argument("file", type=Path, metavar="FILE", help=text("runs.help.file"))
    subs["export"].add_argument("--every-knob", action="store_true", help=text("runs.help.every_knob"))
    subs["import"].add_argument("file", type=Path, metavar="FILE", help=text("runs.help.import_file"))
    subs["import"].add_argument("--source", default="imported", metavar="TAG", help=text("runs.help.source"))
    subs["tag"].add_argument("id", type=int)
    subs["tag"].add_argument("names", nargs="+", metavar="TAG")
    subs["tag"].add_argument("--remove", action="store_true", help=text("runs.help.remove"))
    for sub in subs.values():
        add_json(sub)


def run(args: argparse.Namespace) -> int:
    from workbench.runs import Runs

    with Runs() as runs:
        document, lines = _DOES[args.what](runs, args)
    emit(args, document, lines)
    return 0


def _list(runs: "Runs", args: argparse.Namespace) -> tuple[Any, list[str]]:
    records = runs.filter(limit=args.limit, **_asked(args))
    return {"schema": "workbench.runs/1", "runs": records}, listing(records)


def _show(runs: "Runs", args: argparse.Namespace) -> tuple[Any, list[str]]:
    record = runs.get(args.id)
    return record, whole(record)


def _diff(runs: "Runs", args: argparse.Namespace) -> tuple[Any, list[str]]:
    found = runs.diff(args.a, args.b)
    return {"schema": "workbench.runs_diff/1", **found.to_dict()}, differing(found)


def _delete(runs: "Runs", args: argparse.Namespace) -> tuple[Any, list[str]]:
    asked = _asked(args)
    if args.ids and (args.everything or any(value is not None for value in asked.values())):
        raise ConfigError("runs.delete_both")
    if args.ids:
        gone = sum(runs.delete(number) for number in args.ids)
    else:
        gone = runs.delete(everything=args.everything, **asked)
    return {"schema": "workbench.runs_deleted/1", "deleted": gone}, [text("runs.deleted", count=gone)]


def _export(runs: "Runs", args: argparse.Namespace) -> tuple[Any, list[str]]:
    count = runs.export(args.file, every_knob=args.every_knob, **_asked(args))
    told = text("runs.exported", count=count, file=args.file)
    return {"schema": "workbench.runs_exported/1", "records": count}, [told]


def _import(runs: "Runs", args: argparse.Namespace) -> tuple[Any, list[str]]:
    came = runs.load(args.file, source=args.source)
    told = text("runs.imported", count=len(came.numbers), known=came.known, source=came.source)
    return {"schema": "workbench.runs_imported/1", **came.to_dict()}, [told]


def _tag(runs: "Runs", args: argparse.Namespace) -> tuple[Any, list[str]]:
    (runs.untag if args.remove else runs.tag)(args.id, *args.names)
    tags = runs.get(args.id)["tags"]
    told = text("runs.tagged", id=args.id, tags=", ".join(tags) or "-")
    return {"schema": "workbench.runs_tagged/1", "id": args.id, "tags": tags}, [told]


_DOES: dict[str, Callable[["Runs", argparse.Namespace], tuple[Any, list[str]]]] = {
    "list": _list,
    "show": _show,
    "diff": _diff,
    "delete": _delete,
    "export": _export,
    "import": _import,
    "tag": _tag,
}


def _add_conditions(parser: argparse.ArgumentParser) -> None:
    several: dict[str, Any] = {"action": "append", "default": None}
    parser.add_argument("--kind", **several, help=text("cli.runs_kind_help"))
    parser.add_argument("--model", **several, help=text("cli.runs_model_help"))
    parser.add_argument("--machine", **several, help=text("runs.help.machine"))
    parser.add_argument("--tag", **several, help=text("runs.help.tagged"))
    parser.add_argument("--since", metavar="TIME", help=text("runs.help.since"))
    parser.add_argument("--until", metavar="TIME", help=text("runs.help.until"))
    parser.add_argument(
        "--set", action="append", default=[], metavar="KNOB=VALUE", dest="knobs", help=text("runs.help.set")
    )
    for bound in ("min", "max"):
        parser.add_argument(
            f"--{bound}", action="append", default=[], metavar="METRIC=VALUE", help=text(f"runs.help.{bound}")
        )


def _asked(args: argparse.Namespace) -> "Asked":
    knobs: dict[str, list[Any]] = {}
    for word in args.knobs:
        for knob, value in knobs_of([word]).items():
            knobs.setdefault(knob, []).append(value)
    low, high = _bounds(args.min), _bounds(args.max)
    metrics = {name: (low.get(name), high.get(name)) for name in [*low, *high]}
    return {
        "kind": args.kind,
        "model": args.model,
        "machine": args.machine,
        "tag": args.tag,
        "since": args.since,
        "until": args.until,
        "knobs": knobs or None,
        "metrics": metrics or None,
    }


def _bounds(words: list[str]) -> dict[str, float]:
    found = {}
    for word in words:
        name, _, value = word.partition("=")
        try:
            found[name] = float(value)
        except ValueError as error:
            raise ConfigError("runs.no_bound", word=word) from error
    return found
