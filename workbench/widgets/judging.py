"""[Quality], [Sensitivity] and the suggestion that may follow: which text, and what is asked of the session."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import ipywidgets

from workbench.errors import ConfigError
from workbench.results import Sensitivity
from workbench.suites import NAMES
from workbench.widgets.guard import Guard
from workbench.widgets.parts import classed, labelled, markup, row, show_if
from workbench.words import text
from workbench.words.format import escape

if TYPE_CHECKING:
    from workbench.session import Session

OWN = "file"


class Judging:
    """`wb-suite` is the list of texts, `wb-suite-file` the path of one's own.

    submit   starts an operation of the session, as the panel does
    pending  makes changes pending, to be applied or discarded
    """

    def __init__(
        self,
        session: "Session",
        guard: Guard,
        submit: Callable[..., None],
        pending: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self._session = session
        self._submit = submit
        self._pending = pending
        self._suites = classed(
            ipywidgets.Dropdown(
                options=[*((name, name) for name in NAMES), (text("panel.suite.file"), OWN)],
                value=NAMES[0],
                layout=ipywidgets.Layout(width="120px"),
            ),
            "wb-suite",
        )
        self._file = classed(
            ipywidgets.Text(placeholder=text("panel.suite.hint"), layout=ipywidgets.Layout(width="260px")),
            "wb-suite-file",
        )
        self._path = labelled(text("panel.suite.path"), self._file)
        self._suites.observe(guard(lambda _change: self._show()), "value")
        said = escape(text("panel.suite.help"))
        self.box = row(
            [
                labelled(text("panel.suite"), self._suites),
                self._path,
                markup(f"<span class='wb-note'>{said}</span>", "wb-beside"),
            ],
            "wb-suite-row",
        )
        self._show()

    @property
    def suite(self) -> str:
        """The suite's name, or a file's path. ConfigError when a file was meant and none is named."""
        if self._suites.value != OWN:
            return str(self._suites.value)
        path = str(self._file.value).strip()
        if not path:
            raise ConfigError("panel.suite.no_file")
        return path

    def quality(self) -> None:
        self._submit("quality", suite=self.suite)

    def sensitivity(self) -> None:
        self._submit("sensitivity")

    def spare(self) -> None:
        """Makes the last suggestion pending: its modules, beside those that are left in full already."""
        found: Sensitivity | None = self._session.last.get("sensitivity")
        if found is not None and found.suggestion:
            self._pending({"skip_modules": found.suggestion})

    def enable(self, enabled: bool) -> None:
        self._suites.disabled = self._file.disabled = not enabled

    def _show(self) -> None:
        show_if(self._path, self._suites.value == OWN)
