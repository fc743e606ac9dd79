"""workbench export: a configuration as code to take home."""

import argparse
from pathlib import Path
from typing import Any

from workbench.cli.shared import add_json, add_knobs, config_of, emit, opened, table
from workbench.config import Config
from workbench.errors import CapabilityError, ConfigError
from workbench.hosts.registry import WHEN_BUSY
from workbench.results import Snippet, verification_record
from workbench.words import text

HELP = "Write a configuration as code that runs without the workbench."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="TARGET", nargs="?", default="transformers", help=text("cli.target_help"))
    parser.add_argument("--model", help=text("cli.model_help"))
    parser.add_argument("--revision", help=text("cli.revision_help"))
    parser.add_argument("--run", type=int, metavar="ID", dest="run_id", help=text("cli.run_help"))
    parser.add_argument("--on", metavar="GPU", help=text("cli.on_help"))
    parser.add_argument("--gpus", type=int, metavar="N", help=text("cli.gpus_help"))
    parser.add_argument("--nodes", type=int, metavar="N", help=text("cli.nodes_help"))
    parser.add_argument("--context", type=int, metavar="N", help=text("cli.context_help"))
    parser.add_argument("--list", action="store_true", dest="listed", help=text("cli.list_targets_help"))
    parser.add_argument("--output", type=Path, metavar="FOLDER", help=text("cli.output_help"))
    parser.add_argument("--verify", action="store_true", help=text("verify.help"))
    parser.add_argument("--when-busy", choices=WHEN_BUSY, help=text("engines.when_busy_help"))
    add_knobs(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    from workbench.export import snippet

    if args.listed:
        return _list(args)
    known: dict[str, Any] = {name: getattr(args, name) for name in ("on", "gpus", "nodes", "context")}
    base, model = None, args.model
    if args.run_id is not None:
        base, stored, stored_model = _stored(args.run_id)
        known |= stored
        model = model or stored_model
    config, args.model = config_of(args, base), model or "demo"
    if args.verify:
        return _verify(args, config, known if args.run_id is not None else None)
    made = snippet(args.target, config, model=args.model, revision=args.revision, **known)
    if args.output:
        emit(args, _document(made), [str(path) for path in made.save(args.output)])
    else:
        emit(args, _document(made), [made.code.rstrip("\n")])
    return 0


def _verify(args: argparse.Namespace, config: Config, stored: dict[str, Any] | None) -> int:
    """Written as without --verify, then run against a session; status 1 where it is not as that session.

    stored  what a run holds, written into the files; else they are the session's own export
    """
    from workbench.export import TARGETS, snippet, verified

    if args.target in TARGETS and args.target != "transformers":
        raise CapabilityError("verify.no_code", target=args.target)
    with opened(args, config) as session:
        if stored is None:
            made = session.export(args.target)
        else:
            made = snippet(args.target, config, model=args.model, revision=args.revision, **stored)
        written = [str(path) for path in made.save(args.output)] if args.output else []
        found = session.verify(made)
        record = verification_record(session.facts.name, session.machine, config, session.resolved, found)
        told = verified.verification(found)
    emit(args, record, [*written, *table(told.rows), "", *told.remarks])
    return 0 if found.ok else 1


def _list(args: argparse.Namespace) -> int:
    """The targets, what each carries over, and the version of the tool that its names were checked with."""
    from workbench.catalog.serving import TOOLS
    from workbench.export import TARGETS

    entries = [
        {
            "target": name,
            "carries": text(f"export.target.{name}"),
            "checked_with": f"{TOOLS[name].name} {TOOLS[name].version}" if name in TOOLS else None,
            "source": TOOLS[name].source if name in TOOLS else None,
        }
        for name in TARGETS
    ]
    rows = [(str(each["target"]), str(each["carries"])) for each in entries]
    emit(args, {"schema": "workbench.export_targets/1", "targets": entries}, table(rows))
    return 0


def _stored(run_id: int) -> tuple[Config, dict[str, Any], str | None]:
    """A stored run's config, what was read back and measured, and its model."""
    from workbench.catalog.sources import opened_by
    from workbench.results import Machine, Measurement, Resolved
    from workbench.runs import Runs

    with Runs() as runs:
        record = runs.get(run_id)
    if not str(record["schema"]).startswith("workbench.measurement/"):
        raise ConfigError("cli.not_a_measurement", run=run_id, schema=record["schema"])
    known = {
        "resolved": Resolved.from_dict(record["resolved"]),
        "measurement": Measurement.from_dict(record["result"]),
        "machine": Machine.from_dict(record["machine"]) if record.get("machine") else None,
        "versions": record.get("versions"),
    }
    model = record.get("model")
    return Config(**record["config"]), known, model and (opened_by(model) or model)


def _document(made: Snippet) -> dict[str, Any]:
    return {"schema": "workbench.snippet/1", **made.to_dict()}
