"""The top of the panel: title, state, and the three lines that are always there and always text."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from workbench.export import verified
from workbench.results import ModelFacts, Resolved, Snippet, Verification
from workbench.widgets import lines
from workbench.widgets.evidence import Evidence
from workbench.widgets.exported import Exported
from workbench.widgets.parts import button, column, markup, row
from workbench.words import text
from workbench.words.format import escape

MOST_LINE = 2000


class Header:
    """`wb-title`, `wb-state`, `wb-asked`, `wb-ran`, `wb-last`; `wb-export`, `wb-snippet`, `wb-verify`, `wb-verified`.

    snippet  the code that is shown, or was last
    beside, below  further widgets: beside the export, and below that row
    """

    def __init__(self, beside: Sequence[Any] = (), below: Sequence[Any] = ()) -> None:
        self._title = markup("", "wb-title")
        self._state = markup("", "wb-state")
        self._asked, self._ran, self._last = (markup("", f"wb-{name}", "wb-line") for name in ("asked", "ran", "last"))
        self.verify = button(text("panel.verify"), "wb-verify", tooltip=text("panel.verify_help"))
        self._verified = markup("", "wb-verified")
        self._exported = Exported(beside=[self.verify], above=[self._verified])
        self.export = self._exported.button
        actions = row([*beside, self.export], "wb-top-actions")
        top = row([self._title, self._state, actions], "wb-top")
        lines_and_more = [self._asked, self._ran, self._last, self._exported.box]
        self.box = column([top, *below, *lines_and_more], "wb-header")

    @property
    def snippet(self) -> Snippet | None:
        return self._exported.snippet

    def enable(self, ready: bool) -> None:
        self.export.disabled = self.verify.disabled = not ready

    def title(self, name: str, facts: ModelFacts | None, resolved: Resolved | None) -> None:
        self._title.value = f"<div>{escape(lines.title(name, facts, resolved), MOST_LINE)}</div>"

    def state(self, state: str, holder: str | None = None) -> None:
        """The dot and its word. `holder`: the notebook that has the engine while the state is released."""
        kind = "idle" if state == "idle" else "closed" if state in ("closed", "failed", "released") else "busy"
        named = state == "released" and holder is not None
        said = text("panel.state.released_to", notebook=holder) if named else text(f"panel.state.{state}")
        self._state.value = f"<div class='wb-dot-{kind}'>● {escape(said)}</div>"

    def tell(self, config: Mapping[str, Any], resolved: Resolved | None, evidence: Evidence) -> None:
        """Set the three lines."""
        trace = evidence.trace_of(config, resolved)
        ran = escape(lines.ran(resolved, trace, evidence.measurement), MOST_LINE)
        differs = lines.but(config, resolved, trace, evidence.census_of(config))
        if differs:
            ran += f" · <b class='wb-but'>{escape(text('panel.ran.but'))}</b> {escape(differs, MOST_LINE)}"
        for widget, code, words in (
            (self._asked, "panel.asked", escape(lines.asked(config), MOST_LINE)),
            (self._ran, "panel.ran", ran),
            (self._last, "panel.last", escape(lines.last(evidence, config), MOST_LINE)),
        ):
            widget.value = f"<div><span class='wb-word'>{escape(text(code))}</span> <span>{words}</span></div>"

    def toggle_snippet(self, make: Callable[[], Snippet], pending: bool = False) -> None:
        """Show the snippet that `make` gives, or hide the one that is shown. `pending`: changes wait, not in it."""
        if self._exported.toggle(make, text("panel.pending_not_exported") if pending else ""):
            self._verified.value = ""

    def found(self, found: Any) -> None:
        """Say above the code what came of running it, where that is what was found."""
        if not isinstance(found, Verification):
            return
        told = verified.verification(found)
        said = [str(found.verdict), *(f"{label}: {value}" for label, value in told.rows)]
        first, *rest = (escape(each, MOST_LINE) for each in said)
        shown = f"<b>{first}</b>" if found.ok else f"<b class='wb-but'>{first}</b>"
        self._verified.value = f"<div>{'<br>'.join([shown, *rest])}</div>"

    def hide_snippet(self) -> None:
        self._exported.hide()
