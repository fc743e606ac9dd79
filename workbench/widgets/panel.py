"""TuningPanel: the instrument in which a person changes knobs and sees what changed.

It measures nothing and knows no torch: clicks become `session.submit(...)`, and everything shown comes from what the
session holds and from its events. A callback returns at once.

Class names for tests and style sheets: wb-panel, wb-title, wb-state, wb-asked, wb-ran, wb-last, wb-export,
wb-snippet, wb-copy, wb-knob-<knob>, wb-knob-<knob>-<value>, wb-knob-<knob>-field, wb-knob-<knob>-toggle, wb-more,
wb-pending, wb-apply, wb-discard, wb-workload, wb-work-<field>, wb-budget, wb-measure, wb-stop, wb-tabs,
wb-metric-<key>, wb-chart-speed, wb-chart-memory, wb-history, wb-prompt, wb-new-tokens, wb-generate, wb-output,
wb-rate, wb-status, wb-error, wb-details; wb-on marks the chosen button.
"""

from collections.abc import Iterable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Literal

from workbench.charts import Run
from workbench.config import Config
from workbench.errors import WorkbenchError
from workbench.knobs import KNOBS
from workbench.results import DOING, Applied, Event, Forecast, Measurement, Resolved
from workbench.widgets import lines
from workbench.widgets.answer import Answer
from workbench.widgets.controls import Situation, checked, waits
from workbench.widgets.guard import Guard
from workbench.widgets.header import Header
from workbench.widgets.knob_board import KnobBoard
from workbench.widgets.page import Page
from workbench.widgets.parts import button, close_tree, column, markup, notice, only_one, row
from workbench.widgets.status import Status
from workbench.widgets.tabs import TABS, Tabs
from workbench.widgets.work import WorkloadChoice
from workbench.words import text

if TYPE_CHECKING:
    from workbench.session import Session


# after a failed load the controls are how to try again; a released engine comes back with the next action
READY = ("idle", "failed", "released")


class TuningPanel:
    """Controls, charts and text around one session; shown when it is the last value of a cell.

    session  a `workbench.Session`
    groups   names of the knob groups that stand open (workbench.knobs.Group); the others are folded away
    chart    the tab that is in front: speed, memory or history
    budget_s what the field "at most, s" says at first: Measure ends earlier when the intervals are tight enough

    One panel is open in a kernel: making a new one closes the one before. ValueError for an unknown group or chart.
    """

    def __init__(
        self,
        session: "Session",
        groups: Iterable[str] | None = None,
        chart: Literal["speed", "memory", "history"] = "speed",
        budget_s: float = 60.0,
    ) -> None:
        if chart not in TABS:
            raise ValueError(f"chart is one of {', '.join(TABS)}, not {chart!r}")
        self._session = session
        self._status = Status()
        self._guard = Guard(self._failed)
        self._pending: dict[str, Any] = {}
        self._seconds_by_cost: dict[str, float] = {}
        self._state = str(session.state)
        self._changing = False  # whether the work under way changes the model
        self._closed = False
        self._build(groups, chart, budget_s)
        self._unsubscribe = [
            session.on(name, self._guard(listen))
            for name, listen in (
                ("state", self._on_state),
                ("progress", self._on_progress),
                ("token", self._on_token),
                ("applied", self._on_applied),
                ("result", self._on_result),
                ("error", self._on_error),
            )
        ]
        with self._guard:  # what happened before the listening began
            self._state = str(session.state)
            self._lines()
            self._controls()
        only_one(self)

    def close(self) -> None:
        """Stop listening and remove the panel from the page. The session goes on. May be called again."""
        with self._guard:
            if self._closed:
                return
            self._closed = True
            for unsubscribe in self._unsubscribe:
                unsubscribe()
            close_tree(self.box)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.box._repr_mimebundle_(**kwargs)

    # --- building

    def _build(self, groups: Iterable[str] | None, chart: str, budget_s: float) -> None:
        self._page = Page()
        self._header = Header()
        self._header.export.on_click(self._guard(self._export_clicked))
        self._board = KnobBoard(groups, self._situation(), self._guard(self._knob_changed))
        self._waiting = markup("", "wb-pending")
        self._apply = button(text("panel.apply"), "wb-apply", "wb-primary")
        self._discard = button(text("panel.discard"), "wb-discard")
        self._measure = button(text("panel.measure"), "wb-measure", "wb-primary")
        self._stop = button(text("panel.stop"), "wb-stop")
        self._work = WorkloadChoice(self._guard, budget_s)
        for made, clicked in (
            (self._apply, self._apply_clicked),
            (self._discard, self._discard_clicked),
            (self._measure, self._measure_clicked),
            (self._stop, self._stop_clicked),
        ):
            made.on_click(self._guard(clicked))
        actions = column(
            [self._waiting, row([self._apply, self._discard]), self._work.box, row([self._measure, self._stop])],
            "wb-actions",
        )
        self._tabs = Tabs(
            self._session, self._page, self._guard, chart, lambda: self._forecast({}), self._resolved, self._run_clicked
        )
        self._answer = Answer(self._generate)
        self._answer.button.on_click(self._guard(lambda _button: self._answer.clicked()))
        left = column([self._board.box, actions], "wb-left")
        right = column([self._tabs.box, self._answer.box], "wb-right")
        self.box = column(
            [self._page, self._header.box, row([left, right], "wb-columns"), self._status.box], "wb-panel"
        )

    # --- what the session holds

    def _situation(self) -> Situation:
        return Situation(
            values={**self._session.config, **self._pending},
            machine=self._session.machine,
            model=self._session.facts,
            pending=frozenset(self._pending),
            busy=self._state not in READY,
        )

    def _resolved(self) -> Resolved | None:
        try:
            return self._session.resolved
        except WorkbenchError:  # nothing is loaded: the lines say so
            return None

    def _forecast(self, changes: dict[str, Any]) -> Forecast | None:
        try:
            config = self._session.config.replace(**changes)
            return self._session.forecast(config, workload=self._work.workload())
        except WorkbenchError:  # no forecast without a model; the panel shows none
            return None

    # --- showing

    def _lines(self) -> None:
        session, resolved = self._session, self._resolved()
        self._header.title(session.facts.name, session.facts, resolved)
        self._header.state(self._state)
        self._header.tell(session.config, resolved, self._tabs.last, self._tabs.runs)

    def _controls(self) -> None:
        ready = self._state in READY
        situation = self._situation()
        self._board.show(situation)
        changed = self._session.config.diff(situation.values)
        phrases = lines.pending(changed, self._forecast(self._pending) if changed else None, self._seconds_by_cost)
        self._waiting.value = notice(phrases, text("panel.pending") if changed else "")
        self._apply.disabled = self._discard.disabled = not (ready and changed)
        self._measure.disabled = self._answer.button.disabled = not ready
        self._header.export.disabled = not ready
        self._stop.disabled = self._state in (*READY, "stopping", "closed")
        self._work.enable(ready)

    def _failed(self, error: Exception) -> None:
        """An error of a callback or of the work: shown, and every control back to what is in force."""
        self._status.fail(error)
        if not self._closed:
            self._controls()

    # --- clicks

    def _knob_changed(self, name: str, value: Any) -> None:
        self._status.clear()
        knob = KNOBS[name]
        value = checked(knob, value, self._situation())
        if value == self._session.config[name]:
            self._pending.pop(name, None)
            self._controls()
            return
        if waits(knob):
            self._session.config.replace(**{**self._pending, name: value})  # refuses what cannot stand together
            self._pending[name] = value
            self._controls()
            return
        self._submit("apply", **{name: value})

    def _apply_clicked(self, _button: Any) -> None:
        self._submit("apply", **self._pending)

    def _discard_clicked(self, _button: Any) -> None:
        self._pending.clear()
        self._controls()

    def _measure_clicked(self, _button: Any) -> None:
        self._submit("measure", self._work.workload(), budget_s=self._work.budget_s)

    def _generate(self, prompt: str, new_tokens: int) -> None:
        self._submit("generate", [prompt], max_new_tokens=new_tokens)

    def _stop_clicked(self, _button: Any) -> None:
        self._stop.disabled = True
        self._session.stop()

    def _export_clicked(self, _button: Any) -> None:
        self._header.toggle_snippet(lambda: self._session.export("transformers"))

    def _run_clicked(self, run: Run) -> None:
        """A point's config becomes pending, to be applied or discarded."""
        if self._state not in READY:
            return
        changed = self._session.config.diff(Config(**run.config))
        self._pending = {name: new for name, (_, new) in changed.items()}
        self._controls()

    def _submit(self, what: str, *args: Any, **kwargs: Any) -> None:
        """Start work and return at once; what became of it comes as events."""
        self._status.clear()
        self._status.say(text("panel.ready"))
        future = self._session.submit(what, *args, **kwargs)
        self._state = DOING[what]  # disabled from here on: its own event comes a moment later
        self._header.state(self._state)
        self._controls()
        future.add_done_callback(self._guard(self._ended))

    def _ended(self, future: Future[Any]) -> None:
        """A job that was dropped before it began tells nobody."""
        if future.cancelled() and not self._closed:
            self._state = str(self._session.state)
            self._header.state(self._state)
            self._status.say(text("panel.dropped"))
            self._controls()

    # --- events, on the session's dispatcher thread

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
        self._status.run(lines.progress(event.data), share)

    def _on_token(self, event: Event) -> None:
        self._answer.take(event.job, event.data)

    def _on_applied(self, event: Event) -> None:
        result: Applied = event.data
        self._seconds_by_cost[str(result.cost)] = result.seconds
        config = self._session.config
        self._pending = {name: value for name, value in self._pending.items() if config[name] != value}
        self._header.hide_snippet()
        self._status.say(lines.applied(result))
        self._lines()
        self._controls()
        self._tabs.redraw()

    def _on_result(self, event: Event) -> None:
        value = event.data["value"]
        if isinstance(value, Measurement):
            config = event.data.get("config") or self._session.config
            self._tabs.add(Run(config=config.to_dict(), measurement=value, model=self._session.facts.name))
            self._status.say(
                text("panel.measured", n=value.repeats, stopped_by=text(f"panel.stopped_by.{value.stopped_by}"))
            )
            self._lines()
        elif event.data["kind"] == "completions":
            self._status.say(text("panel.generated"))

    def _on_error(self, event: Event) -> None:
        if self._changing:
            self._pending.clear()
        self._status.say(text("panel.ready"))
        self._failed(event.data)
        self._lines()
