"""The bottom line: what runs, how far it is, how long it takes; and the last error with its details folded away."""

import traceback

from workbench.errors import Stopped, WorkbenchError
from workbench.widgets.parts import column, markup, row, show_if
from workbench.words import text
from workbench.words.format import escape

MOST_DETAIL = 20_000


class Status:
    """`wb-status` is the line, `wb-error` the error, behind it, folded away, its traceback: `wb-details`."""

    def __init__(self) -> None:
        self._line = markup("", "wb-status")
        self._error = markup("", "wb-error")
        self._details = markup("", "wb-details")
        self._failure = column([self._error, self._details], "wb-failure")
        self.box = row([self._line, self._failure], "wb-bottom")
        self._outcome = text("panel.ready")
        self.rest()
        self.clear()

    def say(self, outcome: str) -> None:
        """How the work ended: stays until other work ends."""
        self._outcome = outcome
        self._show(outcome)

    def run(self, sentence: str, share: float | None = None) -> None:
        """What is going on, with a bar when `share` (0 to 1) is known; `rest` takes it away."""
        self._show(sentence, share, running=True)

    def rest(self) -> None:
        """Nothing runs any more: the last outcome again."""
        self._show(self._outcome)

    def _show(self, sentence: str, share: float | None = None, running: bool = False) -> None:
        bar = ""
        if share is not None:
            percent = 100 * min(max(share, 0.0), 1.0)
            bar = f"<span class='wb-bar'><span style='width:{percent:.0f}%'></span></span> {percent:.0f} %"
        dot = "<span class='wb-spin'></span>" if running else ""
        self._line.value = f"<div role='status'>{dot}{escape(sentence, 400)} {bar}</div>"

    def fail(self, error: BaseException) -> None:
        """Show an error: its sentences in one line, where it came from behind "details". A stop is no failure."""
        if isinstance(error, Stopped):
            self.say(error.what)
            return
        if isinstance(error, WorkbenchError):
            said = f"<b>{escape(error.what, 400)}</b> {escape(error.why, 600)} <i>{escape(error.next_step, 600)}</i>"
        else:
            message = text("panel.error_kind", kind=type(error).__name__, message=error)
            said = f"<b>{escape(message, 600)}</b>"
        self._error.value = f"<div role='alert'>{said}</div>"
        trace = "".join(traceback.format_exception(error))[-MOST_DETAIL:]
        summary = f"<summary>{escape(text('panel.details'))}</summary>"
        self._details.value = f"<details>{summary}<pre class='wb-code'>{escape(trace, MOST_DETAIL)}</pre></details>"
        show_if(self._failure, True)

    def clear(self) -> None:
        self._error.value = ""
        self._details.value = ""
        show_if(self._failure, False)
