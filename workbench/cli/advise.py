"""workbench advise: why the model is slow here, and what would cure it."""

import argparse

from workbench.advice.told import quick, told
from workbench.cli.shared import add_bench, add_workload, config_of, emit, opened, table, workload_of
from workbench.results import recorded
from workbench.results.advice import Advice
from workbench.words import text

_ADVISE_S, _QUICK_S = 5.0, 150.0
HELP = "Say why the model is slow here: findings with evidence, cure and expected gain."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_bench(parser)
    add_workload(parser)
    parser.add_argument("--quick", action="store_true", help=text("quick.help"))
    parser.add_argument("--budget", type=float, metavar="SECONDS", help=text("advice.budget_help"))


def run(args: argparse.Namespace) -> int:
    with opened(args, config_of(args)) as session:
        if args.quick:
            checked = session.quick_check(workload_of(args), budget_s=_QUICK_S if args.budget is None else args.budget)
            _heading, rows, remarks = quick(checked)
            record = recorded(session.facts.name, session.machine, checked)
            emit(args, record, [*table(rows), "", *remarks])
            return 0
        session.advise(workload_of(args), budget_s=_ADVISE_S if args.budget is None else args.budget)
        found: Advice = session.last["advice"]
        emit(args, recorded(session.facts.name, session.machine, found), lines(found))
    return 0


def lines(found: Advice) -> list[str]:
    """A finding a paragraph: a table of sentences would be too wide for a terminal."""
    heading, rows, remarks = told(found)
    shown: list[str] = []
    for severity, title, *cells in rows:
        shown += [text("advice.line", severity=severity, title=title)]
        shown += table([(f"  {name}", cell) for name, cell in zip(heading[1:], cells, strict=True) if cell])
        shown.append("")
    return [*shown, *remarks]
