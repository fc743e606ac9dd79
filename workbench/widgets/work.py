"""Which work is measured: a preset's name, or three numbers of one's own."""

from typing import Any

import ipywidgets

from workbench.results import Workload
from workbench.results.workload import PRESETS
from workbench.widgets.guard import Guard
from workbench.widgets.parts import classed, labelled, row
from workbench.words import text

FIELDS = {"prompt_tokens": 1, "new_tokens": 2, "batch_size": 1}  # field -> the least it may be
MOST = 1_000_000
CUSTOM = ""


class WorkloadChoice:
    """`wb-workload` is the list of presets, `wb-work-<field>` one number, `wb-budget` the most seconds it may take.

    Changing a number of the work makes it custom.
    """

    def __init__(self, guard: Guard, budget_s: float, preset: str = "chat") -> None:
        self._showing = False
        self._presets = classed(
            ipywidgets.Dropdown(
                options=[*((name, name) for name in PRESETS), (text("panel.custom"), CUSTOM)],
                value=preset,
                layout=ipywidgets.Layout(width="106px"),
            ),
            "wb-workload",
        )
        self._fields = {
            name: classed(
                ipywidgets.BoundedIntText(value=least, min=least, max=MOST, layout=ipywidgets.Layout(width="60px")),
                f"wb-work-{name}",
            )
            for name, least in FIELDS.items()
        }
        self._fill(preset)
        self._presets.observe(guard(self._chosen), "value")
        for field in self._fields.values():
            field.observe(guard(self._typed), "value")
        self._budget = classed(
            ipywidgets.BoundedFloatText(value=budget_s, min=1, max=3600, layout=ipywidgets.Layout(width="60px")),
            "wb-budget",
        )
        named = {"workload": self._presets, **self._fields, "budget": self._budget}
        self.box = row([labelled(text(f"panel.work.{name}"), widget) for name, widget in named.items()], "wb-work")

    def workload(self) -> Workload:
        return Workload(**{name: field.value for name, field in self._fields.items()})

    @property
    def budget_s(self) -> float:
        """After so many seconds the repeats end, known well enough or not."""
        return float(self._budget.value)

    def enable(self, enabled: bool) -> None:
        for widget in (self._presets, *self._fields.values(), self._budget):
            widget.disabled = not enabled

    def _fill(self, preset: str) -> None:
        workload = Workload.preset(preset)
        self._showing = True
        for name, field in self._fields.items():
            field.value = getattr(workload, name)
        self._showing = False

    def _chosen(self, change: Any) -> None:
        if change["new"] != CUSTOM and not self._showing:
            self._fill(change["new"])

    def _typed(self, _change: Any) -> None:
        if not self._showing:
            self._showing = True
            self._presets.value = CUSTOM
            self._showing = False
