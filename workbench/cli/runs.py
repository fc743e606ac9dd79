"""workbench runs: the measurements that were kept."""

import argparse
from typing import Any

from workbench.cli.shared import add_json, emit, table
from workbench.words import text
from workbench.words.format import THIN, quantity

HELP = "List the stored runs, or show one whole."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", metavar="list|show", required=True)
    listing = what.add_parser("list", help=text("cli.runs_list_help"))
    listing.add_argument("--kind", help=text("cli.runs_kind_help"))
    listing.add_argument("--model", help=text("cli.runs_model_help"))
    listing.add_argument("--limit", type=int, default=20, metavar="N", help=text("cli.runs_limit_help"))
    add_json(listing)
    show = what.add_parser("show", help=text("cli.runs_show_help"))
    show.add_argument("id", type=int)
    add_json(show)


def run(args: argparse.Namespace) -> int:
    from workbench.runs import Runs

    with Runs() as runs:
        if args.what == "show":
            record = runs.get(args.id)
            emit(args, record, _whole(record))
        else:
            records = runs.list(kind=args.kind, model=args.model, limit=args.limit)
            emit(args, {"schema": "workbench.runs/1", "runs": records}, _listing(records))
    return 0


def _listing(records: list[dict[str, Any]]) -> list[str]:
    if not records:
        return [text("cli.no_runs")]
    header = ("id", text("cli.time"), text("cli.kind"), text("cli.model"), text("cli.decode"), text("cli.changed"))
    return table([_row(record) for record in records], header)


def _row(record: dict[str, Any]) -> tuple[str, ...]:
    return (
        str(record["id"]),
        str(record["time"])[:19],
        str(record["schema"]).removeprefix("workbench.").partition("/")[0],
        str(record.get("model") or "-"),
        quantity((record.get("result") or {}).get("decode_tps"), "tok/s").replace(THIN, " "),
        _changed(record.get("config") or {}),
    )


def _changed(config: dict[str, Any]) -> str:
    from workbench.knobs import KNOBS

    changed = {name: value for name, value in config.items() if name in KNOBS and value != KNOBS[name].default}
    return " ".join(f"{name}={value}" for name, value in changed.items()) or text("cli.defaults")


def _whole(record: dict[str, Any]) -> list[str]:
    from workbench.export.numbers import conditions, rows
    from workbench.results import Measurement

    head = [" · ".join(_row(record))]
    if str(record["schema"]).startswith("workbench.measurement/"):
        measurement = Measurement.from_dict(record["result"])
        head += ["", *table(rows(measurement)), "", conditions(measurement)]
        head += [text("cli.note", note=flag) for flag in measurement.flags]
    return head
