"""The panel's report: where to, whether it is to be signed, and which targets it is held to."""

from collections.abc import Callable
from typing import Any

import ipywidgets

from workbench.constraints import limits, stated
from workbench.report.writing import NAME
from workbench.widgets.guard import Guard
from workbench.widgets.parts import button, classed, is_shown, labelled, row, show_if
from workbench.words import text


class Handing:
    """`wb-report`; `wb-report-folder`, `wb-report-targets`, `wb-report-sign`, `wb-report-write`.

    submit  starts an operation of the session, as the panel does
    """

    def __init__(self, guard: Guard, submit: Callable[..., Any]) -> None:
        self._submit = submit
        self.button = button(text("panel.report"), "wb-report", tooltip=text("panel.report_help"))
        self.button.on_click(guard(lambda _button: show_if(self.asking, not is_shown(self.asking))))
        self._folder = classed(ipywidgets.Text(value=NAME, layout=ipywidgets.Layout(width="180px")), "wb-report-folder")
        self._targets = classed(
            ipywidgets.Text(
                placeholder="decode_tps>=30; kld_mean<0.05", layout=ipywidgets.Layout(width="auto", flex="1 1 260px")
            ),
            "wb-report-targets",
        )
        self._sign = classed(
            ipywidgets.Checkbox(
                description=text("panel.report_sign"), indent=False, layout=ipywidgets.Layout(width="auto")
            ),
            "wb-report-sign",
        )
        self._write = button(text("panel.report_write"), "wb-report-write", "wb-primary")
        self._write.on_click(guard(lambda _button: self._start()))
        fields = [
            labelled(text("panel.report_folder"), self._folder),
            classed(labelled(text("panel.report_targets"), self._targets), "wb-wide"),
        ]
        self.asking = row([*fields, self._sign, self._write], "wb-naming")
        show_if(self.asking, False)

    def enable(self, ready: bool) -> None:
        self._write.disabled = not ready

    def _start(self) -> None:
        """ConfigError for a target that is none, before anything is written."""
        targets = stated(each for each in self._targets.value.split(";") if each.strip())
        limits(targets)
        self._submit("report", self._folder.value.strip() or NAME, sign_off=self._sign.value, targets=targets)
        show_if(self.asking, False)
