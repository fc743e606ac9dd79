"""Verdicts on tips as tables of a notebook."""

from collections.abc import Callable, Mapping
from typing import Any

from workbench.results import TipRun, TipsReport
from workbench.tips.verdicts_shown import card, headline, in_order, row
from workbench.widgets.table import Table
from workbench.words import text


def _report(found: TipsReport) -> Table:
    heads = tuple(text(f"tips.head.{name}") for name in ("statement", "verdict", "expected", "because"))
    rows: list[tuple[str, ...]] = [row(each) for each in in_order(found.runs)]
    if not any(each[3] for each in rows):  # an empty column says nothing
        heads, rows = (*heads[:2], heads[3]), [(*each[:3], each[4]) for each in rows]
    return Table(heads, tuple(rows), (headline(found),))


def _run(found: TipRun) -> Table:
    return Table(("",), tuple(card(found)))


TIPS: Mapping[type, Callable[[Any], Table]] = {TipsReport: _report, TipRun: _run}
