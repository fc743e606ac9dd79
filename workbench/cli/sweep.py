"""workbench sweep: which configuration of a space is best here."""

import argparse
import re
import sys
from pathlib import Path
from typing import Any

from workbench.cli.shared import add_json, add_knobs, add_workload, config_of, emit, knobs_of, table, workload_of
from workbench.constraints import OBJECTIVES
from workbench.errors import ConfigError
from workbench.hosts.registry import WHEN_BUSY
from workbench.results import Sweep, recorded
from workbench.sweep.rows import rows_of
from workbench.sweep.rules import HOSTS
from workbench.words import text

_SEARCH = ("exhaustive", "proposals")
HELP = "Race the configurations of a space: drop losers early, measure the leaders, say why the others lost."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", nargs="?", default="demo", metavar="FILE.toml|MODEL", help=text("sweep.source_help"))
    parser.add_argument("--revision", help=text("cli.revision_help"))
    parser.add_argument(
        "--knob", action="append", default=[], metavar="KNOB=VALUE,VALUE", dest="space", help=text("sweep.knob_help")
    )
    add_knobs(parser)
    add_workload(parser)
    objectives = ", ".join(OBJECTIVES)
    parser.add_argument("--objective", metavar="METRIC", help=text("sweep.objective_help", objectives=objectives))
    parser.add_argument("--limit", action="append", default=[], metavar="METRIC<VALUE", help=text("sweep.limit_help"))
    parser.add_argument("--precision", type=float, metavar="SHARE", help=text("cli.precision_help"))
    parser.add_argument("--budget", type=float, metavar="SECONDS", help=text("cli.own_budget_help"))
    parser.add_argument("--exhaustive", type=int, metavar="POINTS", help=text("sweep.exhaustive_help"))
    parser.add_argument("--proposals", type=int, metavar="POINTS", help=text("sweep.proposals_help"))
    parser.add_argument("--suite", help=text("sweep.suite_help"))
    parser.add_argument("--fresh", action="store_true", help=text("sweep.fresh_help"))
    parser.add_argument("--export", metavar="TARGET", help=text("sweep.export_help"))
    parser.add_argument("--host", choices=HOSTS, default="process", help=text("sweep.host_help"))
    parser.add_argument("--when-busy", choices=WHEN_BUSY, help=text("engines.when_busy_help"))
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    from workbench import machine as machines
    from workbench.sweep.exporting import export
    from workbench.sweep.running import sweep

    asked = asked_of(args)
    found: Sweep = sweep(
        **asked,
        host=args.host,
        fresh=args.fresh,
        when_busy=args.when_busy,
        progress=lambda told: print(told, file=sys.stderr),
    )
    where = None if found.nodes else machines.doctor()  # a cluster's machines are named in the result
    emit(args, recorded(found.model, where, found), lines(found))
    if args.export and found.best is not None:
        code = export(found, args.export, model=asked["model"], revision=asked.get("revision")).code
        print(code, file=sys.stderr if args.json else sys.stdout)
    return 0 if found.best is not None else 1


def asked_of(args: argparse.Namespace) -> dict[str, Any]:
    """The arguments of `sweep`: the file's, and what the command line says beside it."""
    if args.source.endswith(".toml"):
        from workbench.sweep.files import read

        asked = read(Path(args.source))
    else:
        asked = {"model": args.source, "space": {}}
    asked["space"] = {**asked["space"], **space_of(args.space)}
    asked["base"] = config_of(args, asked.get("base"))
    stated = (args.preset, args.prompt_tokens, args.new_tokens, args.batch_size, args.prompts, args.seed)
    if any(each is not None for each in stated):
        asked["workload"] = workload_of(args)
    if args.limit:
        asked["constraints"] = {**asked.get("constraints", {}), **dict(map(_limit, args.limit))}
    given = {name: getattr(args, name) for name in ("revision", "objective", "precision", "suite", *_SEARCH)}
    given["budget_s"] = args.budget
    return {**asked, **{name: value for name, value in given.items() if value is not None}}


def space_of(words: list[str]) -> dict[str, list[Any]]:
    """KNOB=VALUE,VALUE words as a space."""
    found: dict[str, list[Any]] = {}
    for word in words:
        name, equals, values = word.partition("=")
        if not equals:
            raise ConfigError("cli.not_a_pair", word=word)
        found.setdefault(name, []).extend(knobs_of([f"{name}={value}"])[name] for value in values.split(","))
    return found


def lines(found: Sweep) -> list[str]:
    """The verdict, a row for each configuration, and what could not be."""
    header, rows, remarks = rows_of(found)
    return [str(found.verdict), *(str(lead.verdict) for lead in found.leads), "", *table(rows, header), "", *remarks]


def _limit(word: str) -> tuple[str, str]:
    found = re.fullmatch(r"\s*(\w+)\s*([<>≤≥].*)", word)
    if found is None:
        raise ConfigError("sweep.bad_limit", metric="-", given=repr(word)[:60], units="-")
    return found[1], found[2]
