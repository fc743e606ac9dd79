"""The tabs of the device and of the long run: clocks, heat, energy and money; latency over time and its stutters."""

from collections.abc import Callable
from typing import Any

from workbench.charts import Theme
from workbench.charts import energy as energy_chart
from workbench.charts import latency as latency_chart
from workbench.export import device, energy, latency
from workbench.widgets.evidence import Evidence
from workbench.widgets.figure import LaterFigure
from workbench.widgets.parts import beside, column, markup, notes, row
from workbench.widgets.proof_tabs import html
from workbench.widgets.table import Table
from workbench.words import text
from workbench.words.format import escape


class DeviceTab:
    """`wb-device` is the device during the last measurement; `wb-energy` starts the measurement of energy;
    `wb-chart-energy`, one point a configuration, and under it the last as a table: `wb-energy-table`.
    """

    def __init__(self, evidence: Evidence, theme: Callable[[], Theme], start: Any) -> None:
        self._evidence = evidence
        self._device = markup("", "wb-device", "wb-below")
        self._figure = LaterFigure(
            lambda: evidence.energies or None,
            lambda found: energy_chart(found, theme()),
            text("chart.energy.none"),
            "wb-chart-energy",
        )
        self._table = markup("", "wb-energy-table", "wb-below")
        help_line = beside(text("panel.energy_help"))
        self.box = column([self._device, row([start, help_line], "wb-scan-row"), self._figure.box, self._table])
        self._tell()

    def redraw(self) -> None:
        self._figure.redraw()
        self._tell()

    def _tell(self) -> None:
        measured = self._evidence.measurement
        if measured is None or measured.device is None:
            self._device.value = notes([text("panel.device_empty")])
        else:
            heading, rows, remarks = device.device(measured.device)
            said = f"<div class='wb-verdict'>{escape(text('panel.device_during'))}</div>"
            self._device.value = said + html(Table(heading, rows)) + notes(remarks)
        found = self._evidence.energies[-1] if self._evidence.energies else None
        if found is not None:
            heading, rows, _ = energy.energy(found)
            self._table.value = html(Table(heading, rows)) + notes(self._evidence.doubts(found))


class LatencyTab:
    """`wb-latency` starts a minute of steady load; `wb-chart-latency`, and under it the same as a table with what is to
    be said of drift and stutters: `wb-latency-table`.
    """

    def __init__(self, evidence: Evidence, theme: Callable[[], Theme], start: Any) -> None:
        self._evidence = evidence
        self._figure = LaterFigure(
            lambda: evidence.latency,
            lambda found: latency_chart(found, theme()),
            text("chart.latency.empty"),
            "wb-chart-latency",
        )
        self._table = markup("", "wb-latency-table", "wb-below")
        help_line = beside(text("panel.latency_help"))
        self.box = column([row([start, help_line], "wb-scan-row"), self._figure.box, self._table])
        self._tell()

    def redraw(self) -> None:
        self._figure.redraw()
        self._tell()

    def _tell(self) -> None:
        found = self._evidence.latency
        if found is not None:
            heading, rows, remarks = latency.latency(found)
            self._table.value = html(Table(heading, rows)) + notes(remarks)
