"""workbench endpoint: a server that a configuration was handed to, measured and compared with the bench."""

import argparse
import time
from pathlib import Path
from typing import Any

from workbench.cli.shared import add_json, add_knobs, config_of, emit, opened, progress_on, table
from workbench.hosts.registry import WHEN_BUSY
from workbench.machine import doctor
from workbench.probes.context import Context
from workbench.results import Endpoint, Event, recorded
from workbench.runs import Runs
from workbench.words import text

HELP = "Measure an OpenAI-compatible server: the bench's tokens and answers? TTFT, TPOT, errors, goodput under load."

_OPTIONS = (
    *("prompts", "concurrency", "rate", "requests", "new_tokens", "target", "timeouts", "served", "api"),
    *("key_variable", "seed"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", metavar="URL", help=text("endpoint.url_help"))
    parser.add_argument("--model", metavar="MODEL", help=text("endpoint.model_help"))
    parser.add_argument("--revision", help=text("cli.revision_help"))
    add_knobs(parser)
    parser.add_argument("--when-busy", choices=WHEN_BUSY, help=text("engines.when_busy_help"))
    parser.add_argument("--prompts", type=Path, metavar="FILE.jsonl", help=text("endpoint.prompts_help"))
    parser.add_argument("--concurrency", type=_counts, metavar="N,N", help=text("endpoint.concurrency_help"))
    parser.add_argument("--rate", type=_rates, metavar="R,R", help=text("endpoint.rate_help"))
    parser.add_argument("--requests", type=int, metavar="N", help=text("endpoint.requests_help"))
    parser.add_argument("--budget", type=float, metavar="SECONDS", help=text("endpoint.budget_help"))
    parser.add_argument("--new-tokens", type=int, metavar="N", help=text("endpoint.new_tokens_help"))
    parser.add_argument("--target", metavar="NAME=SECONDS,…", help=text("endpoint.target_help"))
    parser.add_argument("--timeouts", metavar="NAME=SECONDS,…", help=text("endpoint.timeouts_help"))
    parser.add_argument("--served", metavar="NAME", help=text("endpoint.served_help"))
    parser.add_argument("--api", choices=("chat", "completions"), help=text("endpoint.api_help"))
    parser.add_argument("--key-variable", metavar="NAME", help=text("endpoint.key_help"))
    parser.add_argument("--seed", type=int, metavar="N", help=text("endpoint.seed_help"))
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    from workbench.endpoint import check  # brings the HTTP client, which no other verb needs

    given = {name: getattr(args, name) for name in _OPTIONS} | {"budget_s": args.budget}
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if args.model:
        with opened(args, config_of(args)) as session:
            found = session.endpoint(args.url, **options)
            record = recorded(
                session.facts.name, session.machine, found, config=session.config, resolved=session.resolved
            )
    else:
        found = check(args.url, context=_shown(), **options)
        record = recorded(None, doctor(), found, config=None, resolved=None)
        with Runs() as runs:
            runs.add(record)
    emit(args, record, lines(found))
    return 0 if any(level.ok for level in found.levels) else 1


def lines(found: Endpoint) -> list[str]:
    """A line for each level, then what tokens and answers show."""
    from workbench.endpoint.told import told

    heading, rows, remarks = told(found)
    return [*(table(rows, ("", *heading)) if rows else []), "", *remarks]


def _shown() -> Context:
    """Work without a session, its progress on stderr."""
    show = progress_on()

    def emit_to(name: str, data: Any) -> None:
        if name == "progress":
            show(Event(name, 0, 0, time.monotonic(), data))

    return Context(emit_to)


def _counts(word: str) -> tuple[int, ...]:
    return tuple(int(part) for part in word.split(","))


def _rates(word: str) -> tuple[float, ...]:
    return tuple(float(part) for part in word.split(","))
