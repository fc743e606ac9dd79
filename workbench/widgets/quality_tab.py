"""The tab of quality: the verdict, the chart that decides, the text hit hardest, answers side by side, modules."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from workbench.charts import Candidate, Decision, Theme, decision_of
from workbench.charts import decision as decision_chart
from workbench.charts import quality as quality_chart
from workbench.charts import sensitivity as sensitivity_chart
from workbench.charts.quality import candidate_words
from workbench.errors import StoreError
from workbench.results import QualityDiff
from workbench.widgets import history, text_diff
from workbench.widgets.evidence import Evidence
from workbench.widgets.figure import LaterFigure
from workbench.widgets.fold import Fold
from workbench.widgets.parts import beside, column, markup, notes, row, show_if
from workbench.widgets.proof_tabs import html
from workbench.widgets.quality_tables import JUDGED
from workbench.words import text
from workbench.words.format import escape

if TYPE_CHECKING:
    from workbench.session import Session


class QualityTab:
    """`wb-judged` is the verdict; `wb-chart-decision`, `wb-chart-quality`, `wb-answers`, `wb-chart-sensitivity`.

    choice       the row in which the text is chosen
    sensitivity, spare  the buttons that rank the modules, and that make the suggestion pending
    clicked      called with the candidate whose mark was clicked
    """

    def __init__(
        self,
        session: "Session",
        evidence: Evidence,
        theme: Callable[[], Theme],
        choice: Any,
        sensitivity: Any,
        spare: Any,
        clicked: Callable[[Candidate], None],
    ) -> None:
        self._session = session
        self._evidence = evidence
        self._decision = Decision(model=session.facts.name)
        self._verdict = markup("", "wb-judged", "wb-below")
        self._remarks = markup("", "wb-decision-remarks", "wb-below")
        self._table = markup("", "wb-quality-table", "wb-below")
        self._answers = markup("", "wb-answers", "wb-below")
        self._modules = markup("", "wb-modules", "wb-below")
        self._spare = spare
        self._figures = (
            LaterFigure(
                lambda: self._decision if self._decision.candidates else None,
                lambda found: decision_chart(found, theme()),
                text("chart.decision.empty"),
                "wb-chart-decision",
                clicked=lambda place: clicked(self._decision.candidates[place]),
            ),
            LaterFigure(
                lambda: evidence.quality,
                lambda found: quality_chart(found, theme()),
                "",
                "wb-chart-quality",
            ),
            LaterFigure(
                lambda: evidence.sensitivity,
                lambda found: sensitivity_chart(found, theme()),
                "",
                "wb-chart-sensitivity",
            ),
        )
        decision, domains, modules = (figure.box for figure in self._figures)
        parts = {"domains": self._table, "answers": self._answers}
        folds = [Fold(text(f"panel.quality.{name}"), inside).box for name, inside in parts.items()]
        self._more = column(folds, "wb-quality-more")
        help_line = beside(text("panel.sensitivity_help"))
        self.box = column(
            [
                choice,
                self._verdict,
                decision,
                self._remarks,
                domains,
                self._more,
                row([sensitivity, help_line], "wb-scan-row"),
                modules,
                self._modules,
                row([spare]),
            ]
        )
        self.refresh()
        self._tell()

    def refresh(self) -> None:
        """Read the store again: quality or speed of a configuration may have come to it."""
        try:
            self._decision = decision_of(self._session.runs, self._session.facts, self._session.machine.label)
            self._remarks.value = notes(self._decision.remarks)
        except StoreError as error:  # the panel works without its store, and says what is wrong with it
            self._remarks.value = history.refused(error)

    def redraw(self) -> None:
        for figure in self._figures:
            figure.redraw()
        self._tell()

    def _tell(self) -> None:
        found, modules = self._evidence.quality, self._evidence.sensitivity
        show_if(self._more, found is not None)
        show_if(self._spare, modules is not None and bool(modules.suggestion))
        if modules is not None:
            self._modules.value = f"<div class='wb-verdict'>{escape(str(modules.sentence), 400)}</div>"
        if found is None:
            return
        self._verdict.value = f"<div class='wb-verdict'>{escape(str(found.verdict), 400)}</div>{notes(found.flags)}"
        self._table.value = html(JUDGED[QualityDiff](found))
        names = text("panel.quality.reference"), candidate_words(found.candidate, found.reference)
        self._answers.value = text_diff.html(found.answers, *names)
