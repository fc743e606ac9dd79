"""The tab of advice: what makes this model slow here, with a button that tries each cure and what came of it."""

from collections.abc import Callable
from typing import Any

from workbench.advice.told import cure_of, gain_of, measured_words
from workbench.config import Config
from workbench.results.advice import Finding
from workbench.widgets.evidence import Evidence
from workbench.widgets.parts import beside, button, close_tree, column, markup, notes, row
from workbench.words import text
from workbench.words.format import escape

_LONGEST = 500  # characters of a sentence; some quote a message


class AdviceTab:
    """`wb-advise` asks; `wb-advice` is a block for each finding, the worst first: title, evidence, what to do, and
    `wb-try-<rule>`, which applies its change and measures it against what was in force.

    try_out   called with the finding whose button was clicked
    in_force  the configuration of now: advice about another one says so
    """

    def __init__(
        self, evidence: Evidence, start: Any, try_out: Callable[[Finding], None], in_force: Callable[[], Config]
    ) -> None:
        self._evidence = evidence
        self._in_force = in_force
        self._try_out = try_out
        self._shown: tuple[Any, ...] = ()
        self._buttons: list[Any] = []
        self._said = markup("", "wb-advice-said", "wb-below")
        self._findings = column([], "wb-advice")
        self._ready = True
        help_line = beside(text("panel.advise_help"))
        self.box = column([row([start, help_line], "wb-scan-row"), self._said, self._findings])

    def enable(self, ready: bool) -> None:
        self._ready = ready
        for made in self._buttons:
            made.disabled = not ready

    def redraw(self) -> None:
        """Anew only where something was found since."""
        found = self._evidence.advice
        stale = found is not None and Config(**found.config) != self._in_force()
        now = (found, stale, *self._evidence.cures.values())
        if found is None or now == self._shown:
            return
        self._shown = now
        code = "advice.found" if found.findings else "advice.none"
        said = text(code, findings=len(found.findings), rules=len(found.looked_at))
        old = f"<div class='wb-waiting'>{escape(text('panel.advice_stale'))}</div>" if stale else ""
        self._said.value = old + notes([said, *self._evidence.doubts(found)])
        before, self._buttons = self._findings.children, []
        self._findings.children = [self._block(finding) for finding in found.findings]
        for child in before:
            close_tree(child)
        self.enable(self._ready)

    def _block(self, finding: Finding) -> Any:
        head = f"<span class='wb-word'>{escape(text(f'advice.severity.{finding.severity}'))}</span>"
        title = f"<div class='wb-verdict'>{head} · {escape(str(finding.title), _LONGEST)}</div>"
        told = [*map(str, finding.evidence), cure_of(finding), gain_of(finding)]
        cure = self._evidence.cures.get(finding.rule)
        if cure is not None and cure.finding == finding:
            told.append(measured_words(cure))
        block = [markup(title + notes([each for each in told if each]))]
        if finding.change:
            made = button(text("panel.try_out"), f"wb-try-{finding.rule}", tooltip=text("panel.try_out_help"))
            made.on_click(lambda _button: self._try_out(finding))
            self._buttons.append(made)
            block.append(made)
        return column(block, f"wb-finding-{finding.rule}", "wb-below")
