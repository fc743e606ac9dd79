"""The tabs on the right: the speed chart, the memory chart and the history of this model."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets

from workbench.charts import DARK, LIGHT, Run, Theme, memory, speed
from workbench.errors import StoreError
from workbench.metrics import METRICS
from workbench.results import Forecast, Measurement, Resolved
from workbench.widgets import history
from workbench.widgets.figure import LiveFigure
from workbench.widgets.guard import Guard
from workbench.widgets.page import Page
from workbench.widgets.parts import Options, classed, column, markup
from workbench.words import text

if TYPE_CHECKING:
    from workbench.session import Session

TABS = ("speed", "memory", "history")
SPEEDS = ("decode_tps", "prefill_tps")
MOST_HISTORY = 100


class Tabs:
    """`wb-tabs`, `wb-chart-speed`, `wb-metric-<key>`, `wb-chart-memory`, `wb-history`.

    runs      the measurements of this session since the panel, and the one before it, in order
    forecast  of the config in force, or None where there is no model
    resolved  what is in force, or None
    clicked   called with the run whose point was clicked
    """

    def __init__(
        self,
        session: "Session",
        page: Page,
        guard: Guard,
        chart: str,
        forecast: Callable[[], Forecast | None],
        resolved: Callable[[], Resolved | None],
        clicked: Callable[[Run], None],
    ) -> None:
        self._session = session
        self._page = page
        self._forecast = forecast
        self._resolved = resolved
        self._metric = SPEEDS[0]
        self.runs = _runs_so_far(session)
        self._speed = LiveFigure(self._draw_speed, "wb-chart-speed")
        self._speed.on_point(guard(lambda index: clicked(self.runs[index])))
        self._memory = LiveFigure(self._draw_memory, "wb-chart-memory")
        self._metrics = Options(SPEEDS, "wb-metric", guard(self._chosen))
        for key, made in self._metrics.buttons.items():
            made.tooltip = METRICS[key].definition
        self._history = markup("", "wb-history")
        self.box = classed(
            ipywidgets.Tab(
                [column([self._metrics.box, self._speed.widget]), column([self._memory.widget]), self._history],
                titles=tuple(text(f"panel.tab.{name}") for name in TABS),
                selected_index=TABS.index(chart),
            ),
            "wb-tabs",
        )
        self._show_metric()
        self._show_history()
        page.observe(guard(lambda _change: self.redraw()), "dark")

    @property
    def last(self) -> Measurement | None:
        return self.runs[-1].measurement if self.runs else None

    def add(self, run: Run) -> None:
        """One more measurement: a point in both charts and a line of history."""
        self.runs.append(run)
        self.redraw()
        self._show_history()

    def redraw(self) -> None:
        """The charts as the config in force and the page's theme want them."""
        self._speed.redraw()
        self._memory.redraw()

    @property
    def _theme(self) -> Theme:
        return DARK if self._page.dark else LIGHT

    def _draw_speed(self) -> dict[str, Any]:
        forecast = self._forecast() if self._metric == "decode_tps" else None
        limit = forecast.decode_limit_tps if forecast else None
        return speed(self.runs, self._theme, self._metric, limit, in_force=self._session.config)

    def _draw_memory(self) -> dict[str, Any]:
        resolved = self._resolved()
        return memory(self.runs, self._theme, resolved.bytes_by_dtype if resolved else None)

    def _chosen(self, metric: str) -> None:
        self._metric = metric
        self._show_metric()
        self._speed.redraw()

    def _show_metric(self) -> None:
        self._metrics.show(self._metric, lambda _key: False)
        for key, made in self._metrics.buttons.items():
            label = text(f"panel.show.{key}")
            made.description = f"• {label}" if key == self._metric else label

    def _show_history(self) -> None:
        try:
            self._history.value = history.table(*_stored(self._session))
        except StoreError as error:  # the panel works without its store, and says what is wrong with it
            self._history.value = history.refused(error)


def _runs_so_far(session: "Session") -> list[Run]:
    """The measurement that the session made before the panel was opened, if any."""
    measurement = session.last.get("measurement")
    if measurement is None:
        return []
    config = session.last.get("measured_config") or session.config
    return [Run(config=config.to_dict(), measurement=measurement, model=session.facts.name)]


def _stored(session: "Session") -> tuple[list[Run], int]:
    """Stored measurements of this model, newest first, and how many could not be read."""
    runs, unreadable = [], 0
    for document in session.runs.list(kind="measurement", model=session.facts.name, limit=MOST_HISTORY):
        try:
            runs.append(Run.of_document(document))
        except (ValueError, KeyError, TypeError):  # written by another version: counted, and said
            unreadable += 1
    return sorted(runs, key=lambda run: -(run.id or 0)), unreadable
