"""workbench export: a configuration as code to take home."""

import argparse
from pathlib import Path
from typing import Any

from workbench.cli.shared import add_json, add_knobs, config_of, emit
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
    parser.add_argument("--output", type=Path, metavar="FOLDER", help=text("cli.output_help"))
    add_knobs(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    from workbench.export import snippet

    known: dict[str, Any] = {}
    base, model = None, args.model
    if args.run_id is not None:
        base, known, stored_model = _stored(args.run_id)
        model = model or stored_model
    made = snippet(args.target, config_of(args, base), model=model or "demo", revision=args.revision, **known)
    if args.output:
        args.output.mkdir(parents=True, exist_ok=True)
        for name, content in made.files.items():
            (args.output / name).write_text(content, encoding="utf-8")
        emit(args, _document(made), [str(args.output / name) for name in made.files])
    else:
        emit(args, _document(made), [made.code.rstrip("\n")])
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
