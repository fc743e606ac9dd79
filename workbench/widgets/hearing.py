"""What the panel does when its session tells it something: on the session's dispatcher thread, one event at a time."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from workbench.results import Applied, Event, SideBySide
from workbench.widgets import action_lines
from workbench.widgets.answer import Answer
from workbench.widgets.comparing import Comparing
from workbench.widgets.evidence import Evidence
from workbench.widgets.header import Header
from workbench.widgets.starting import Starting
from workbench.widgets.status import Status
from workbench.widgets.tabs import Tabs
from workbench.words import text
from workbench.words.progress import progress

if TYPE_CHECKING:
    from workbench.session import Session

# after a failed load the controls are how to try again; a released engine comes back with the next action
READY = ("idle", "failed", "released")


class Hearing:
    """Methods of a TuningPanel, in a file of their own."""

    _session: "Session"
    _state: str
    _changing: bool
    _pending: dict[str, Any]
    _seconds_by_cost: dict[str, float]
    _evidence: Evidence
    _status: Status
    _header: Header
    _starting: Starting
    _comparing: Comparing
    _tabs: Tabs
    _answer: Answer
    _lines: Callable[[], None]
    _controls: Callable[[], None]
    _failed: Callable[[Exception], None]

    def _on_state(self, event: Event) -> None:
        before, self._state = self._state, str(event.data["state"])
        if self._state in ("applying", "loading", "restoring"):
            self._changing = True
        if self._state in READY:
            self._changing = False
            self._answer.draw()
            self._status.rest()
        elif self._state == "closed":
            self._status.say(text("panel.state.closed"))
        elif self._state != before:
            self._status.run(text(f"panel.state.{self._state}"))
        self._lines()
        self._controls()

    def _on_progress(self, event: Event) -> None:
        total = event.data["total"]
        share = event.data["done"] / total if total else None
        self._status.run(progress(event.data), share)

    def _on_token(self, event: Event) -> None:
        self._answer.take(event.job, event.data)

    def _on_applied(self, event: Event) -> None:
        result: Applied = event.data
        self._seconds_by_cost[str(result.cost)] = result.seconds
        config = self._session.config
        self._comparing.changed(config)
        self._starting.undo.changed(config)
        self._pending = {name: value for name, value in self._pending.items() if config[name] != value}
        self._header.hide_snippet()
        self._status.say(action_lines.applied(result))
        self._lines()
        self._controls()
        self._tabs.redraw()

    def _on_result(self, event: Event) -> None:
        value = event.data["value"]
        if isinstance(value, SideBySide):
            self._answer.found(value)
        if self._evidence.take(value, event.data.get("config") or self._session.config):
            self._tabs.found(value)
            self._lines()
        self._header.found(value)
        self._status.say(action_lines.outcome(event.data["kind"], value))

    def _on_error(self, event: Event) -> None:
        if self._changing:
            self._pending.clear()
            self._starting.undo.failed()
        self._failed(event.data)
        self._lines()
