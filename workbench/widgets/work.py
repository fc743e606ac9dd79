"""Which work is measured: a preset's name, or three numbers of one's own."""

from typing import Any

import ipywidgets

from workbench.results import Workload
from workbench.results.workload import PRESETS
from workbench.widgets.parts import classed, labelled, row
from workbench.words import text

FIELDS = {"prompt_tokens": 1, "new_tokens": 2, "batch_size": 1}  # field -> the least it may be
MOST = 1_000_000


class WorkloadChoice:
    """`wb-workload` is the list of presets, `wb-work-<field>` one number. Changing a number makes the work custom."""

    def __init__(self, preset: str = "chat") -> None:
        self._showing = False
        self._presets = classed(
            ipywidgets.Dropdown(
                options=[*PRESETS, (text("panel.custom"), "")], value=preset, layout=ipywidgets.Layout(width="128px")
            ),
            "wb-workload",
        )
        self._fields = {
            name: classed(
                ipywidgets.BoundedIntText(value=least, min=least, max=MOST, layout=ipywidgets.Layout(width="82px")),
                f"wb-work-{name}",
            )
            for name, least in FIELDS.items()
        }
        self._fill(preset)
        self._presets.observe(self._chosen, "value")
        for field in self._fields.values():
            field.observe(self._typed, "value")
        named = {"workload_name": self._presets, **self._fields}
        self.box = row([labelled(text(f"panel.{name}"), widget) for name, widget in named.items()], "wb-work")

    def workload(self) -> Workload:
        return Workload(**{name: field.value for name, field in self._fields.items()})

    def enable(self, enabled: bool) -> None:
        for widget in (self._presets, *self._fields.values()):
            widget.disabled = not enabled

    def _fill(self, preset: str) -> None:
        workload = Workload.preset(preset)
        self._showing = True
        for name, field in self._fields.items():
            field.value = getattr(workload, name)
        self._showing = False

    def _chosen(self, change: Any) -> None:
        if change["new"] and not self._showing:
            self._fill(change["new"])

    def _typed(self, _change: Any) -> None:
        if not self._showing:
            self._showing = True
            self._presets.value = ""
            self._showing = False
