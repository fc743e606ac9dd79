"""The tab of tokens: who names which ids, what was tried, what is wrong, and the button that repairs it."""

from collections.abc import Callable
from typing import Any

from workbench.config import Config
from workbench.export import aligned
from workbench.widgets.evidence import Evidence
from workbench.widgets.parts import beside, column, markup, row
from workbench.widgets.proof_tabs import html
from workbench.widgets.table import Table
from workbench.words import text
from workbench.words.format import escape

_LONGEST = 600  # characters of a sentence; some quote a template's error


class TokensTab:
    """`wb-tokens` starts the check, `wb-repair` applies what it recommends. `wb-aligned` is the verdict in a sentence,
    `wb-token-findings` what is wrong and would be set, `wb-token-ids` the table, `wb-token-tried` what was tried.

    in_force  the configuration of now: a report of another one says so
    """

    def __init__(self, evidence: Evidence, start: Any, repair: Any, in_force: Callable[[], Config]) -> None:
        self._evidence = evidence
        self._in_force = in_force
        self._sentence = markup("", "wb-aligned", "wb-below")
        self._table = markup("", "wb-token-ids", "wb-below")
        self._findings = markup("", "wb-token-findings", "wb-below")
        self._tried = markup("", "wb-token-tried", "wb-below")
        help_line = beside(text("panel.tokens_help"))
        told = (self._sentence, self._findings, self._table, self._tried)
        self.box = column([row([start, repair, help_line], "wb-scan-row"), *told])
        self.redraw()

    def redraw(self) -> None:
        found = self._evidence.tokens
        if found is None:
            return
        heading, rows, _ = aligned.tokens(found)
        self._table.value = html(Table(heading, rows))
        stale = self._evidence.tokens_config != self._in_force()
        self._sentence.value = _lines(
            *([("wb-waiting", text("panel.tokens_stale"))] if stale else []), ("wb-verdict", str(found.sentence))
        )
        self._findings.value = _lines(
            ("wb-note", aligned.repair_words(found)),
            *((f"wb-finding wb-is-{each.severity}", aligned.finding_words(each)) for each in found.findings),
        )
        self._tried.value = _lines(
            *(("wb-note", aligned.check_words(each)) for each in found.facts.checks),
            *(("wb-note", line) for line in aligned.effects_words(found.facts)),
            *(("wb-note", str(flag)) for flag in found.flags),
        )


def _lines(*said: tuple[str, str]) -> str:
    """(class, sentence): each a line."""
    return "".join(f"<div class='{name}'>{escape(each, _LONGEST)}</div>" for name, each in said)
