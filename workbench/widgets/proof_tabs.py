"""The tabs of proof: a comparison with its interval and noise floor, a trace with its kernels and reasons, a scan."""

from collections.abc import Callable
from typing import Any

from workbench.charts import Theme
from workbench.charts import compare as compare_chart
from workbench.charts import scan as scan_chart
from workbench.charts import trace as trace_chart
from workbench.charts import trace_diff as moved_chart
from workbench.config import Config
from workbench.judging import names_of
from workbench.results import Trace, TraceDiff
from workbench.results.trace_diff import trace_diff
from workbench.scannable import PARAMETERS
from workbench.scanning import rows_of
from workbench.widgets import proof_tables
from workbench.widgets.evidence import Evidence
from workbench.widgets.figure import LaterFigure
from workbench.widgets.lines import verdict_order
from workbench.widgets.parts import Options, beside, column, markup, notes, row
from workbench.widgets.table import Table
from workbench.words import text
from workbench.words.format import escape


class CompareTab:
    """`wb-chart-compare`, and under it the same as a table: `wb-comparison`."""

    def __init__(self, evidence: Evidence, theme: Callable[[], Theme]) -> None:
        self._evidence = evidence
        self._figure = LaterFigure(
            lambda: evidence.comparison,
            lambda found: compare_chart(found, theme()),
            text("chart.compare.empty"),
            "wb-chart-compare",
        )
        self._table = markup("", "wb-comparison", "wb-below")
        self.box = column([self._figure.box, self._table])
        self._tell()

    def redraw(self) -> None:
        self._figure.redraw()
        self._tell()

    def _tell(self) -> None:
        comparison = self._evidence.comparison
        if comparison is None:
            self._table.value = ""
            return
        said = "".join(
            f"<div>{escape(str(comparison.verdict[metric]), 400)}</div>" for metric in verdict_order(comparison)
        )
        table = html(proof_tables.comparison(comparison, verdicts=False))
        self._table.value = f"<div class='wb-verdict'>{said}</div>{table}"


class TraceTab:
    """`wb-chart-trace`; under it the kernels and where the file is: `wb-traced`; and against the last trace of another
    configuration why it differs, `wb-trace-why`, and what moved, `wb-chart-trace-diff`.
    """

    def __init__(self, evidence: Evidence, theme: Callable[[], Theme]) -> None:
        self._evidence = evidence
        self._figure = LaterFigure(
            lambda: evidence.trace,
            lambda found: trace_chart(found, theme()),
            text("chart.trace.empty"),
            "wb-chart-trace",
        )
        self._moved = LaterFigure(
            self._against_before,
            lambda found: moved_chart(found[1] if found else None, theme()),
            "",
            "wb-chart-trace-diff",
        )
        self._told = markup("", "wb-traced", "wb-below")
        self._why = markup("", "wb-trace-why", "wb-below")
        self.box = column([self._figure.box, self._told, self._why, self._moved.box])
        self._tell()

    def redraw(self) -> None:
        self._figure.redraw()
        self._moved.redraw()
        self._tell()

    def _tell(self) -> None:
        trace = self._evidence.trace
        self._told.value = "" if trace is None else f"{html(proof_tables.trace(trace))}{_file(trace)}"
        against = self._against_before()
        self._why.value = "" if against is None else _reasons(*against)

    def _against_before(self) -> tuple[tuple[str, str], TraceDiff] | None:
        """Names of both, and what differs from the last trace of another configuration that did the same work."""
        trace = self._evidence.trace
        before = self._evidence.comparable(trace) if trace else None
        if trace is None or before is None:
            return None
        return names_of(Config(**before.config), Config(**trace.config)), trace_diff(before, trace)


class ScanTab:
    """`wb-scan-<parameter>` choose what is scanned, `wb-scan` starts it; `wb-chart-scan`, and under it where and why it
    ended, and where the knee is: `wb-scanned`.

    parameter  that is chosen
    """

    def __init__(self, evidence: Evidence, theme: Callable[[], Theme], start: Any) -> None:
        self._evidence = evidence
        self.parameter = next(iter(PARAMETERS))
        self._parameters = Options(tuple(PARAMETERS), "wb-scan", self._choose)
        self._figure = LaterFigure(
            lambda: evidence.scan,
            lambda found: scan_chart(found, theme()),
            text("chart.scan.empty"),
            "wb-chart-scan",
        )
        self._told = markup("", "wb-scanned", "wb-below")
        help_line = beside(text("panel.scan_help"))
        self.box = column([row([self._parameters.box, start, help_line], "wb-scan-row"), self._figure.box, self._told])
        self._choose(self.parameter)
        self._tell()

    def redraw(self) -> None:
        self._figure.redraw()
        self._tell()

    def _choose(self, parameter: str) -> None:
        self.parameter = parameter
        self._parameters.show(parameter, lambda _name: False)
        for name, made in self._parameters.buttons.items():
            label = text(f"panel.scan_over.{name}")
            made.description = f"• {label}" if name == parameter else label

    def _tell(self) -> None:
        found = self._evidence.scan
        said = [] if found is None else [found.ended, *rows_of(found)[2], *found.flags]
        self._told.value = notes(said)


def html(table: Table) -> str:
    """A table of ours as HTML in the panel's style; its cells are escaped."""
    return f"<div class='wb-scroll'>{table._repr_html_()}</div>".replace("'wb-result'", "'wb-table'", 1)


def _reasons(names: tuple[str, str], moved: TraceDiff) -> str:
    said = text("panel.trace_before", a=names[0], b=names[1])
    reasons = [str(reason) for reason in moved.reasons] or [text("panel.trace_no_reason")]
    listed = "".join(f"<li>{escape(reason, 400)}</li>" for reason in reasons)
    return f"<div class='wb-because'>{escape(said, 200)}<ul>{listed}</ul></div>"


def _file(trace: Trace) -> str:
    if trace.artifact is None:
        return ""
    said = (text("panel.trace_file", name=trace.artifact), *map(str, trace.how_to_open))
    return notes(said)
