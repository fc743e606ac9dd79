"""Code that is shown on a click and hidden on the next: a snippet with its copy button."""

from collections.abc import Callable, Sequence
from typing import Any

from workbench.results import Snippet
from workbench.widgets.page import Code
from workbench.widgets.parts import button, classed, column, is_shown, markup, row, show_if
from workbench.words import text
from workbench.words.format import escape


class Exported:
    """`<prefix>export` is the button, `<prefix>snippet` the code, `<prefix>export-note` what is said of it.

    `snippet`: what is shown, or was last.

    beside, above  further widgets: in the row over the code, and between that and the code
    """

    def __init__(self, prefix: str = "wb-", beside: Sequence[Any] = (), above: Sequence[Any] = ()) -> None:
        self.button = button(text("panel.export"), f"{prefix}export")
        self._note = markup("", f"{prefix}export-note")
        self._code = classed(Code(copy=text("panel.copy")), f"{prefix}snippet")
        self.box = column([row([*beside, self._note]), *above, self._code])
        self.snippet: Snippet | None = None
        self.hide()

    def toggle(self, make: Callable[[], Snippet], remark: str = "") -> bool:
        """Show the snippet that `make` gives, or hide the one that is shown; whether one is shown now."""
        if is_shown(self.box):
            self.hide()
            return False
        snippet = make()
        self.snippet = snippet
        self._code.code = snippet.code
        _main, *others = snippet.files
        told = text("panel.export_title"), *([text("panel.export_beside", files=", ".join(others))] if others else [])
        self._note.value = f"<div class='wb-note'>{escape(' '.join([*told, remark]))}</div>"
        show_if(self.box, True)
        self.button.description = text("panel.export_close")
        return True

    def hide(self) -> None:
        show_if(self.box, False)
        self.button.description = text("panel.export")
