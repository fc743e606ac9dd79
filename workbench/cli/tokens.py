"""workbench tokens: begin, end and pad tokens by every source, tried on the model, with what puts them right."""

import argparse

from workbench.cli.shared import add_bench, config_of, emit, opened, table
from workbench.decoding.tokens import ANSWER_TOKENS
from workbench.export import aligned
from workbench.results import TokenReport, recorded
from workbench.words import text
from workbench.words.format import knob_value

HELP = "Check begin, end and pad tokens: every source side by side, padding and stopping tried on the live model."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_bench(parser)
    parser.add_argument("--repair", action="store_true", help=text("tokens.repair_help"))
    help_text = text("tokens.answer_help", tokens=ANSWER_TOKENS)
    parser.add_argument("--max-new-tokens", type=int, default=ANSWER_TOKENS, metavar="N", help=help_text)


def run(args: argparse.Namespace) -> int:
    config = config_of(args)
    with opened(args, config) as session:
        found = session.repair(args.max_new_tokens) if args.repair else session.tokens(args.max_new_tokens)
        record = recorded(session.facts.name, session.machine, found, config=session.config, resolved=session.resolved)
        emit(args, record, lines(found))
    return 0


def lines(found: TokenReport) -> list[str]:
    """The sentence, the table, what was tried and found, and the repair as words for `--set`."""
    heading, rows, (sentence, *remarks) = aligned.tokens(found)
    written = [sentence, "", *table(rows, ("", *heading)), "", *remarks]  # which say themselves how grave they are
    changes = found.repair or {knob: new for knob, (_, new) in found.repaired.items()}
    words = " ".join(f"--set {knob}={knob_value(value).replace(', ', ',')}" for knob, value in changes.items())
    return [*written, *([text("tokens.as_words", words=words)] if words else [])]
