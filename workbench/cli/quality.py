"""workbench quality: what a configuration does to the model's answers, against a reference of the same weights."""

import argparse

from workbench.cli.shared import add_bench, config_of, emit, knobs_of, opened, table
from workbench.decisions import Decision, decision_of
from workbench.export import judged
from workbench.results import QualityDiff, recorded
from workbench.words import text

HELP = "Compare the answers of a configuration with those of the full model: KLD by domain, with intervals and floor."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_bench(parser)
    parser.add_argument("--reference", action="append", metavar="KNOB=VALUE", help=text("quality.reference_help"))
    parser.add_argument("--suite", default="default", metavar="NAME|FILE", help=text("quality.suite_help"))


def run(args: argparse.Namespace) -> int:
    config = config_of(args)
    reference = config.replace(**knobs_of(args.reference)) if args.reference else None
    with opened(args, config) as session:
        found = session.quality(reference, args.suite)
        record = recorded(session.facts.name, session.machine, found, config=session.config, resolved=session.resolved)
        emit(args, record, lines(found, decision_of(session.runs, session.facts, session.machine.label)))
    return 0


def lines(found: QualityDiff, decision: Decision | None = None) -> list[str]:
    """The verdict, the table by domain, what the answers show; and every configuration judged here so far."""
    heading, rows, (verdict, *remarks) = judged.quality(found)
    written = [verdict, "", *table(rows, ("", *heading)), "", *(text("cli.note", note=each) for each in remarks)]
    if decision is not None and len(decision.candidates) > 2:
        heading, rows, notes = judged.decision(decision)
        written += ["", text("quality.so_far"), "", *table(rows, ("", *heading)), ""]
        written += [text("cli.note", note=each) for each in notes]
    return written
