"""What several verbs share: knob and workload arguments, progress on stderr, output as text or as one document."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from workbench.config import Config
from workbench.errors import ConfigError
from workbench.hosts.registry import WHEN_BUSY
from workbench.knobs import KNOBS, Texts, parse
from workbench.results import Event, Workload
from workbench.words import text
from workbench.words.format import amount, size

if TYPE_CHECKING:
    from workbench.session import Session


def add_bench(parser: argparse.ArgumentParser) -> None:
    """What every verb takes that puts a model on the bench."""
    add_model(parser)
    add_knobs(parser)
    parser.add_argument("--when-busy", choices=WHEN_BUSY, help=text("engines.when_busy_help"))
    add_json(parser)


def add_repeats(parser: argparse.ArgumentParser, budget_s: float | None = 60.0) -> None:
    """`budget_s` None: what is started has budgets of its own."""
    parser.add_argument("--precision", type=float, default=0.05, metavar="SHARE", help=text("cli.precision_help"))
    help_text = text("cli.own_budget_help") if budget_s is None else text("cli.budget_help", seconds=round(budget_s))
    parser.add_argument("--budget", type=float, default=budget_s, metavar="SECONDS", help=help_text)


@contextmanager
def opened(args: argparse.Namespace, config: Config, host: str = "process") -> "Iterator[Session]":
    """A session on the model that was asked for, in `config`; its progress goes to stderr."""
    from workbench.session import Session

    print(text("cli.loading", model=args.model), file=sys.stderr)
    with Session(args.model, revision=args.revision, config=config, host=host, when_busy=args.when_busy) as session:
        session.on("progress", progress_on())
        yield session


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help=text("cli.json_help"))


def add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", nargs="?", default="demo", metavar="MODEL", help=text("cli.model_help"))
    parser.add_argument("--revision", help=text("cli.revision_help"))


def add_knobs(parser: argparse.ArgumentParser) -> None:
    help_text = text("cli.set_help", knobs=", ".join(KNOBS))
    parser.add_argument("--set", action="append", default=[], metavar="KNOB=VALUE", dest="knobs", help=help_text)
    parser.add_argument("--config", type=Path, metavar="FILE", help=text("cli.config_help"))


def add_workload(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--preset", "--workload", help=text("cli.preset_help"))
    parser.add_argument("--prompt-tokens", type=int, metavar="N", help=text("cli.prompt_tokens_help"))
    parser.add_argument("--new-tokens", type=int, metavar="N", help=text("cli.new_tokens_help"))
    parser.add_argument("--batch-size", type=int, metavar="N", help=text("cli.batch_size_help"))
    parser.add_argument("--prompts", type=Path, metavar="FILE.jsonl", help=text("cli.prompts_help"))
    parser.add_argument("--seed", type=int, metavar="N", help=text("cli.seed_help"))


def config_in(path: Path) -> Config:
    """The Config of a file. ConfigError: it cannot be read, or holds none."""
    try:
        return Config.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("cli.unreadable_file", path=str(path), problem=f"{error}") from error


def config_of(args: argparse.Namespace, base: Config | None = None) -> Config:
    """The Config that `--config` and `--set` ask for. ConfigError names what is wrong with them."""
    config = base or Config()
    if args.config:
        config = config_in(args.config)
    return config.replace(**knobs_of(args.knobs))


def knobs_of(words: Sequence[str]) -> dict[str, Any]:
    """KNOB=VALUE words as knobs. ConfigError for a word that is none."""
    return dict(_pair(word) for word in words)


def workload_of(args: argparse.Namespace) -> Workload:
    """The Workload that the arguments ask for; what they leave open is the preset's or the default."""
    names = ("prompt_tokens", "new_tokens", "batch_size", "prompts", "seed")
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    return Workload.preset(args.preset, **given) if args.preset else Workload(**given)


def _pair(word: str) -> tuple[str, Any]:
    name, equals, value = word.partition("=")
    if not equals:
        raise ConfigError("cli.not_a_pair", word=word)
    if name in KNOBS:
        try:
            return name, parse(KNOBS[name].kind, value)
        except ValueError as error:
            if isinstance(KNOBS[name].kind, Texts):  # any word would be one text
                raise ConfigError(
                    "config.unknown_value", knob=name, value=value, allowed=str(error), nearest="-"
                ) from None
            return name, value  # Config says what is allowed, with the nearest match
    return name, value


def emit(args: argparse.Namespace, document: Any, lines: Sequence[str]) -> None:
    """One document when `--json` was given, else the lines; on stdout."""
    print(json.dumps(document, indent=2, ensure_ascii=False) if args.json else "\n".join(lines))


def table(rows: Sequence[Sequence[str]], header: Sequence[str] | None = None) -> list[str]:
    """Left-aligned columns, two spaces apart."""
    everything = [*([header] if header else []), *rows]
    widths = [max(len(cell) for cell in column) for column in zip(*everything, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in everything]
    rule = ["  ".join("─" * width for width in widths)]
    lines = [lines[0], *rule, *lines[1:]] if header else lines
    return [line.rstrip() for line in lines]


def progress_on(stream: TextIO | None = None) -> Callable[[Event], None]:
    """A listener that writes progress to stderr: one line rewritten on a terminal, else a line for each new phase."""
    out = stream or sys.stderr
    last = ""

    def show(event: Event) -> None:
        nonlocal last
        done, total, unit = (event.data.get(name) for name in ("done", "total", "unit"))
        words = str(event.data["what"])
        if out.isatty():
            left = event.data.get("left_s")
            counted = f" {amount(done, unit)} of {amount(total, unit)}" if total else ""
            if event.data.get("per_s"):
                counted += f" · {size(event.data['per_s'])}/s"
            tail = text("cli.left", seconds=round(left)) if left is not None else ""
            print(f"\r\x1b[2K{words}{counted}{tail}", end="", file=out, flush=True)
        elif words != last:
            print(words, file=out, flush=True)
        last = words

    return show
