"""TuningPanel: the instrument in which a person changes knobs and sees what changed.

It measures nothing and knows no torch: clicks become `session.submit(...)`, and everything shown comes from what the
session holds and from its events. A callback returns at once.

Class names for tests and style sheets: wb-panel here, and those that header, starting, handing, bodies, actions,
judging, tabs, answer and status name; wb-more is the folded knobs, wb-on marks the chosen button.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

from workbench.config import Config
from workbench.knobs import KNOBS
from workbench.results import DOING, EVENTS
from workbench.widgets import action_lines
from workbench.widgets.actions import Actions
from workbench.widgets.answer import Answer
from workbench.widgets.bodies import Situation
from workbench.widgets.comparing import Comparing
from workbench.widgets.controls import checked, waits
from workbench.widgets.evidence import Evidence
from workbench.widgets.guard import Guard
from workbench.widgets.handing import Handing
from workbench.widgets.header import Header
from workbench.widgets.hearing import READY, Hearing
from workbench.widgets.judging import Judging
from workbench.widgets.knob_board import KnobBoard
from workbench.widgets.page import Page
from workbench.widgets.parts import close_tree, column, only_one, row
from workbench.widgets.starting import Starting
from workbench.widgets.status import Status
from workbench.widgets.tabs import TABS, Chart, Tabs
from workbench.widgets.view import View
from workbench.words import text

if TYPE_CHECKING:
    from workbench.session import Session

# what the field "at most, s" is to an operation
_BUDGETS = {"measure": "budget_s", "energy": "budget_s", "latency": "seconds"}


class TuningPanel(Hearing):
    """Controls, charts and text around one session; shown when it is the last value of a cell.

    session  a `workbench.Session`
    groups   names of the knob groups that stand open (workbench.knobs.Group); the others are folded away
    chart    the tab that is in front (`workbench.widgets.tabs.TABS`): speed, memory, quality, compare, trace, …
    budget_s what the field "at most, s" says at first: Measure ends earlier when the intervals are tight enough

    One panel is open in a kernel: making a new one closes the one before. ValueError for an unknown group or chart.
    """

    def __init__(
        self,
        session: "Session",
        groups: Iterable[str] | None = None,
        chart: Chart = "speed",
        budget_s: float = 60.0,
    ) -> None:
        if chart not in TABS:
            raise ValueError(f"chart is one of {', '.join(TABS)}, not {chart!r}")
        self._session = session
        self._status = Status()
        self._guard = Guard(self._failed)
        self._pending: dict[str, Any] = {}
        self._view = View(session)
        self._evidence = Evidence.of(session)
        self._seconds_by_cost: dict[str, float] = {}
        self._state = str(session.state)
        self._changing = False  # whether the work under way changes the model
        self._closed = False
        self._build(groups, chart, budget_s)
        self._unsubscribe = [session.on(name, self._guard(getattr(self, f"_on_{name}"))) for name in EVENTS]
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
        self._starting = Starting(
            self._session,
            self._guard,
            lambda: self._actions.work.workload(),
            self._config_chosen,
            partial(self._submit, "apply"),
            self._status.say,
        )
        self._handing = Handing(self._guard, self._submit)
        beside = [*self._starting.widgets, self._handing.button]
        self._header = Header(beside, [self._starting.naming, self._handing.asking])
        self._header.export.on_click(self._guard(self._export_clicked))
        self._header.verify.on_click(self._guard(lambda _button: self._verify_clicked()))
        self._board = KnobBoard(groups, self._situation(), self._guard(self._knob_changed))
        self._actions = Actions(
            self._guard,
            budget_s,
            {
                "apply": lambda: self._submit("apply", **self._pending),
                "discard": self._discard_clicked,
                "compare": lambda: self._comparing.clicked(self._pending),
                "compare-start": lambda: self._comparing.start(),
                "compare-quick": lambda: self._comparing.start(quick=True),
                "compare-not": lambda: self._comparing.withdraw(),
                "scan": lambda: self._comparing.scan(self._tabs.scanned),
                "quality": lambda: self._judging.quality(),
                "sensitivity": lambda: self._judging.sensitivity(),
                "spare": lambda: self._judging.spare(),
                **{name: partial(self._submit_work, name) for name in ("trace", "advise", *_BUDGETS)},
                **{name: partial(self._submit, name) for name in ("census", "tokens", "repair")},
                "stop": self._stop_clicked,
            },
        )
        self._comparing = Comparing(self._session, self._actions.work, self._submit, self._actions.offer)
        self._judging = Judging(self._session, self._guard, self._submit, self._config_chosen)
        self._tabs = Tabs(
            self._session,
            self._evidence,
            self._page,
            self._guard,
            chart,
            lambda: self._view.forecast({}, self._actions.work.workload()),
            self._config_chosen,
            self._actions.buttons,
            self._judging.box,
            self._submit,
            self._actions.work,
        )
        self._answer = Answer(self._guard, self._submit, lambda: self._comparing.sides(self._pending))
        left = column([self._board.box, self._actions.box], "wb-left")
        columns = row([left, column([self._tabs.box, self._answer.box], "wb-right")], "wb-columns")
        self.box = column([self._page, self._header.box, columns, self._status.box], "wb-panel")

    # --- what the session holds

    def _situation(self) -> Situation:
        return Situation(
            values={**self._session.config, **self._pending},
            machine=self._session.machine,
            model=self._session.facts,
            pending=frozenset(self._pending),
            busy=self._state not in READY,
        )

    # --- showing

    def _lines(self) -> None:
        session, resolved = self._session, self._view.resolved
        self._header.title(session.facts.name, session.facts, resolved)
        self._header.state(self._state, session.handed_over_to)
        self._header.tell(session.config, resolved, self._evidence)

    def _controls(self) -> None:
        ready = self._state in READY
        situation = self._situation()
        self._board.show(situation)
        changed = self._session.config.diff(situation.values)
        forecast = self._view.forecast(self._pending, self._actions.work.workload()) if changed else None
        self._actions.show(
            ready=ready,
            stoppable=self._state not in (*READY, "stopping", "closed"),
            pending=action_lines.pending(changed, forecast, self._seconds_by_cost),
            changed=bool(changed),
            sides=action_lines.sides(self._comparing.sides(self._pending)),
            repairable=self._evidence.repairable(self._session.config),
        )
        for part in (self._header, self._starting, self._handing, self._judging, self._tabs, self._answer):
            part.enable(ready)

    def _failed(self, error: Exception) -> None:
        """An error of a callback or of the work: shown, and every control back to what is in force."""
        self._status.say(text("panel.ready"))
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

    def _discard_clicked(self) -> None:
        self._pending.clear()
        self._comparing.withdraw()
        self._controls()

    def _submit_work(self, what: str) -> None:
        work = self._actions.work
        self._submit(what, work.workload(), **({_BUDGETS[what]: work.budget_s} if what in _BUDGETS else {}))

    def _stop_clicked(self) -> None:
        self._actions.buttons["stop"].disabled = True
        self._session.stop()

    def _export_clicked(self, _button: Any) -> None:
        self._header.toggle_snippet(lambda: self._session.export("transformers"), bool(self._pending))

    def _verify_clicked(self) -> None:
        self._submit("verify", self._header.snippet, budget_s=self._actions.work.budget_s)

    def _config_chosen(self, config: Mapping[str, Any]) -> None:
        """A point's config, or what a suggestion changes, becomes pending: to be applied or discarded."""
        if self._state not in READY:
            return
        changed = self._session.config.diff(Config(**{**self._session.config, **config}))
        self._pending = {name: new for name, (_, new) in changed.items()}
        self._controls()

    def _submit(self, what: str, *args: Any, **kwargs: Any) -> Any:
        """Start work and return its Future at once; what became of it comes as events."""
        self._status.clear()
        self._comparing.withdraw()
        self._status.say(text("panel.ready"))
        future = self._session.submit(what, *args, **kwargs)
        self._state = DOING[what]  # disabled from here on: its own event comes a moment later
        self._header.state(self._state)
        self._controls()
        future.add_done_callback(self._guard(self._ended))
        return future

    def _ended(self, future: Future[Any]) -> None:
        """A job that was dropped before it began tells nobody."""
        if future.cancelled() and not self._closed:
            self._state = str(self._session.state)
            self._header.state(self._state, self._session.handed_over_to)
            self._status.say(text("panel.dropped"))
            self._controls()
