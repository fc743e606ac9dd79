"""workbench export: a configuration as code to take home."""

import argparse
from pathlib import Path
from typing import Any

from workbench.cli.shared import add_json, add_knobs, config_of, emit, table
from workbench.config import Config
from workbench.errors import ConfigError
from workbench.results import Snippet
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
    made = snippet(args.target, config_of(args, base), model=model or "demo", revision=args.revision, **known)
    if args.output:
        for name, content in made.files.items():
            _write(args.output / name, content)
        emit(args, _document(made), [str(args.output / name) for name in made.files])
    else:
        emit(args, _document(made), [made.code.rstrip("\n")])
    return 0


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    if path.suffix == ".sh":
        path.chmod(path.stat().st_mode | 0o111)


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
    }
    return Config(**record["config"]), known, record.get("model")


def _document(made: Snippet) -> dict[str, Any]:
    return {"schema": "workbench.snippet/1", **made.to_dict()}
