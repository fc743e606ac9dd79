"""The tabs on the right: charts of speed, memory, comparisons, traces and quality, and the history of this model."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Literal, get_args

import ipywidgets

from workbench.charts import DARK, LIGHT, Theme, memory, speed
from workbench.charts import census as census_chart
from workbench.metrics import METRICS
from workbench.results import (
    Census,
    Comparison,
    Energy,
    Forecast,
    LatencyRun,
    Measurement,
    QualityDiff,
    Scan,
    Sensitivity,
    Sweep,
    TokenReport,
    Trace,
)
from workbench.results.advice import Advice, Cure
from workbench.widgets.advice_tab import AdviceTab
from workbench.widgets.device_tab import DeviceTab, LatencyTab
from workbench.widgets.evidence import Evidence
from workbench.widgets.figure import LaterFigure
from workbench.widgets.guard import Guard
from workbench.widgets.history_tab import HistoryTab
from workbench.widgets.page import Page
from workbench.widgets.parts import Options, beside, classed, column, row
from workbench.widgets.proof_tabs import CompareTab, ScanTab, TraceTab
from workbench.widgets.quality_tab import QualityTab
from workbench.widgets.sweep_tab import SweepTab
from workbench.widgets.token_tab import TokensTab
from workbench.widgets.view import View
from workbench.widgets.work import WorkloadChoice
from workbench.words import text, translate

if TYPE_CHECKING:
    from workbench.session import Session

Chart = Literal[
    "speed",
    "memory",
    "quality",
    "compare",
    "trace",
    "scan",
    "latency",
    "tokens",
    "advice",
    "sweep",
    "device",
    "history",
]
TABS: tuple[str, ...] = get_args(Chart)
SPEEDS = ("decode_tps", "prefill_tps")
_SHOWN_IN = {
    Comparison: "compare",
    Trace: "trace",
    Scan: "scan",
    QualityDiff: "quality",
    Sensitivity: "quality",
    Census: "memory",
    Energy: "device",
    LatencyRun: "latency",
    TokenReport: "tokens",
    Advice: "advice",
    Cure: "advice",
    Sweep: "sweep",
}


class Tabs:
    """`wb-tabs`, `wb-chart-speed`, `wb-metric-<key>`, `wb-chart-memory`, `wb-chart-census`, and those of `proof_tabs`,
    `quality_tab`, `token_tab`, `advice_tab`, `sweep_tab`, `device_tab` and `history_tab`.

    evidence  what was found so far
    forecast  of the config in force, or None where there is no model
    clicked   called with the config whose point was clicked
    buttons   those that stand in a tab: scan, sensitivity, spare, census, energy, latency, tokens, repair, advise
    choice    the row in which the text is chosen that quality is judged on
    submit    starts an operation of the session, as the panel does
    work      the work that is measured
    """

    def __init__(
        self,
        session: "Session",
        evidence: Evidence,
        page: Page,
        guard: Guard,
        chart: str,
        forecast: Callable[[], Forecast | None],
        clicked: Callable[[Mapping[str, Any]], None],
        buttons: Mapping[str, Any],
        choice: Any,
        submit: Callable[..., Future[Any]],
        work: WorkloadChoice,
    ) -> None:
        self._session = session
        self._evidence = evidence
        self._page = page
        self._forecast = forecast
        self._view = View(session)
        self._metric = SPEEDS[0]
        self._speed = LaterFigure(
            lambda: evidence.runs,
            self._draw_speed,
            "",
            "wb-chart-speed",
            clicked=guard(lambda index: clicked(evidence.runs[index].config)),
        )
        self._memory = LaterFigure(lambda: evidence.runs, self._draw_memory, "", "wb-chart-memory")
        self._metrics = Options(SPEEDS, "wb-metric", guard(self._chosen))
        for key, made in self._metrics.buttons.items():
            made.tooltip = translate(METRICS[key].definition)
        self._compare = CompareTab(evidence, lambda: self._theme)
        self._trace = TraceTab(evidence, lambda: self._theme)
        self._scan = ScanTab(evidence, lambda: self._theme, buttons["scan"])
        self._census = LaterFigure(
            lambda: evidence.counted,
            lambda found: census_chart(found[1], self._theme),
            text("chart.census.empty"),
            "wb-chart-census",
        )
        count_help = beside(text("panel.census_help"))
        self._quality = QualityTab(
            session,
            evidence,
            lambda: self._theme,
            choice,
            buttons["sensitivity"],
            buttons["spare"],
            guard(lambda candidate: clicked(candidate.config)),
        )
        self._tokens = TokensTab(evidence, buttons["tokens"], buttons["repair"], lambda: session.config)
        try_out = guard(lambda finding: submit("try_out", finding, work.workload()))
        self._advice = AdviceTab(evidence, buttons["advise"], try_out, lambda: session.config)
        self._sweep = SweepTab(
            session, evidence, guard, submit, work, lambda: self._theme, lambda: self._front == "sweep", clicked
        )
        self._device = DeviceTab(evidence, lambda: self._theme, buttons["energy"])
        self._latency = LatencyTab(evidence, lambda: self._theme, buttons["latency"])
        self._history = HistoryTab(session, guard, clicked)
        pages = {
            "speed": column([self._metrics.box, self._speed.box]),
            "memory": column([self._memory.box, row([buttons["census"], count_help], "wb-scan-row"), self._census.box]),
            "quality": self._quality.box,
            "compare": self._compare.box,
            "trace": self._trace.box,
            "scan": self._scan.box,
            "tokens": self._tokens.box,
            "advice": self._advice.box,
            "sweep": self._sweep.box,
            "device": self._device.box,
            "latency": self._latency.box,
            "history": self._history.box,
        }
        self.box = classed(
            ipywidgets.Tab(
                [pages[name] for name in TABS],
                titles=tuple(text(f"panel.tab.{name}") for name in TABS),
                selected_index=TABS.index(chart),
            ),
            "wb-tabs",
        )
        self._drawn: dict[str, tuple[Any, ...]] = {
            "speed": (self._speed,),
            "memory": (self._memory, self._census),
            "quality": (self._quality,),
            "compare": (self._compare,),
            "trace": (self._trace,),
            "scan": (self._scan,),
            "tokens": (self._tokens,),
            "advice": (self._advice,),
            "sweep": (self._sweep,),
            "device": (self._device,),
            "latency": (self._latency,),
            "history": (self._history,),
        }
        self._show_metric()
        self.redraw()
        self.box.observe(guard(lambda _change: self.redraw()), "selected_index")
        page.observe(guard(lambda _change: self.redraw()), "dark")

    def enable(self, ready: bool) -> None:
        """The buttons that a tab made itself."""
        self._history.enable(ready)
        self._advice.enable(ready)
        self._sweep.enable(ready)

    @property
    def scanned(self) -> str:
        """The parameter that is chosen to be scanned."""
        return self._scan.parameter

    def found(self, result: Any) -> None:
        """One more result is in the evidence: shown where it belongs; all but a measurement come to the front."""
        if isinstance(result, Measurement | QualityDiff):
            self._quality.refresh()
        if isinstance(result, Measurement):
            self._history.outdated()
        front = next((name for kind, name in _SHOWN_IN.items() if isinstance(result, kind)), self._front)
        if front == self._front:
            self.redraw()
        else:
            self.box.selected_index = TABS.index(front)  # which redraws it

    def redraw(self) -> None:
        """The tab in front as the config in force and the page's theme want it; the others when they come there."""
        for each in self._drawn[self._front]:
            each.redraw()

    @property
    def _front(self) -> str:
        return TABS[self.box.selected_index or 0]

    @property
    def _theme(self) -> Theme:
        return DARK if self._page.dark else LIGHT

    def _draw_speed(self, _runs: Any) -> dict[str, Any]:
        forecast = self._forecast() if self._metric == "decode_tps" else None
        limit = forecast.decode_limit_tps if forecast else None
        return speed(self._evidence.runs, self._theme, self._metric, limit, in_force=self._session.config)

    def _draw_memory(self, _runs: Any) -> dict[str, Any]:
        resolved = self._view.resolved
        loaded = resolved.bytes_by_dtype if resolved else None
        return memory(self._evidence.runs, self._theme, loaded, self._forecast())

    def _chosen(self, metric: str) -> None:
        self._metric = metric
        self._show_metric()
        self._speed.redraw()

    def _show_metric(self) -> None:
        self._metrics.show(self._metric, lambda _key: False)
        for key, made in self._metrics.buttons.items():
            label = text(f"panel.show.{key}")
            made.description = f"• {label}" if key == self._metric else label
