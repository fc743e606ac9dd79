"""The tab of sweeps: which values are raced for the resident model, what that comes to, and the race itself.

Class names: wb-sweep-knob-<knob> takes a knob in; wb-sweep-<knob>-<value> one of its values; wb-sweep-plan what it
comes to; wb-sweep-objective, wb-sweep-kld, wb-sweep-peak, wb-sweep-budget; and those of `sweep_face`.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any

import ipywidgets

from workbench.charts import Theme
from workbench.config import Config
from workbench.constraints import OBJECTIVES, limits
from workbench.errors import ConfigError
from workbench.metrics import METRICS
from workbench.results import Snippet, Sweep
from workbench.sweep.exporting import export
from workbench.sweep.progress import Progress
from workbench.widgets import sweep_space
from workbench.widgets.bodies import Situation
from workbench.widgets.evidence import Evidence
from workbench.widgets.guard import Guard
from workbench.widgets.parts import (
    beside,
    button,
    class_part,
    classed,
    close_tree,
    column,
    labelled,
    markup,
    notes,
    row,
    set_class,
)
from workbench.widgets.sweep_face import SweepFace
from workbench.widgets.sweep_work import SweepWork
from workbench.widgets.work import WorkloadChoice
from workbench.words import text, translate
from workbench.words.format import escape, knob_value, size

if TYPE_CHECKING:
    from workbench.session import Session

BUDGET_S = 120.0
FIRST = "attention"  # what is chosen at first


class SweepTab:
    """evidence  what was found before
    submit    starts an operation of the session, as the panel does
    work      the work that is measured: the panel's own fields
    in_sight  whether the tab is in front
    """

    def __init__(
        self,
        session: "Session",
        evidence: Evidence,
        guard: Guard,
        submit: Callable[..., Future[Any]],
        work: WorkloadChoice,
        theme: Callable[[], Theme],
        in_sight: Callable[[], bool],
        clicked: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self._session = session
        self._evidence = evidence
        self._guard = guard
        self._submit = submit
        self._workload = work
        self._in_sight = in_sight
        self._ready = True
        self._asked: tuple[Any, ...] = ()
        self._options: dict[str, Any] = {}
        self._chosen: dict[str, list[Any]] = {}
        self._offered: dict[str, sweep_space.Values] = {}
        self._values: dict[str, dict[Any, Any]] = {}  # knob -> value -> its button
        self.work = SweepWork(guard(self._told), guard(self._ticked), guard(self._ended))
        how: dict[str, Any] = {"applies": True, "in_sight": in_sight, "clicked": guard(clicked)}
        self._face = SweepFace(self.work, theme, self._exported, **how)
        self._face.start.on_click(guard(lambda _button: self._start()))
        self._face.stop.on_click(guard(lambda _button: self._stop()))
        self._face.apply.on_click(guard(lambda _button: self._apply()))
        self._face.exported.button.on_click(guard(lambda _button: self._face.export_clicked()))
        self._knobs = row([], "wb-options", "wb-sweep-knobs")
        self._rows = column([], "wb-sweep-rows")
        self._plan = markup("", "wb-sweep-plan")
        self._fields = self._limits()
        limits_row = row([labelled(text(f"sweep.tab.{name}"), each) for name, each in self._fields.items()])
        limits_row.add_class("wb-sweep-limits")
        self.box = column(
            [beside(text("sweep.tab.help")), self._knobs, self._rows, limits_row, self._plan, self._face.box],
            "wb-sweep-tab",
        )

    # --- choosing

    def _limits(self) -> dict[str, Any]:
        short = ipywidgets.Layout(width="96px")
        metrics = [(translate(METRICS[name].label), name) for name in OBJECTIVES]
        fields = {
            "objective": ipywidgets.Dropdown(options=metrics, layout=ipywidgets.Layout(width="auto")),
            "kld": ipywidgets.Text(placeholder="0.05", continuous_update=False, layout=short),
            "peak": ipywidgets.Text(placeholder="8 GiB", continuous_update=False, layout=short),
            "budget": ipywidgets.BoundedFloatText(value=BUDGET_S, min=1, max=86400, layout=short),
        }
        for name, each in fields.items():
            classed(each, f"wb-sweep-{name}")
        for name in ("kld", "peak"):
            fields[name].observe(self._guard(lambda _change: self._check_limits()), "value")
        return fields

    def _constraints(self) -> dict[str, str]:
        """As `sweep` takes them: a bare number or size is what it has to lie below."""
        written = {"kld_mean": self._fields["kld"].value.strip(), "peak_bytes": self._fields["peak"].value.strip()}
        return {name: said if said[0] in "<>≤≥" else f"<{said}" for name, said in written.items() if said}

    def _check_limits(self) -> None:
        """ConfigError as soon as a field is left that says no limit."""
        limits(self._constraints())

    def _look(self) -> None:
        """What can be chosen beside the configuration in force."""
        session = self._session
        situation = Situation(values=session.config, machine=session.machine, model=session.facts)
        self._offered = sweep_space.offered(situation)
        self._chosen = {
            name: kept
            for name, values in self._chosen.items()
            if name in self._offered and (kept := [each for each in values if each in self._offered[name].able])
        }
        if not self._chosen and FIRST in self._offered:
            self._chosen = {FIRST: list(self._offered[FIRST].first)}
        before = (*self._knobs.children, *self._rows.children)
        self._knobs.children = [self._knob_button(name) for name in self._offered]
        self._rows.children = [self._row(name) for name in self._offered if name in self._chosen]
        for each in before:
            close_tree(each)
        self._show()

    def _knob_button(self, name: str) -> Any:
        made = button("", f"wb-sweep-knob-{name}")
        _mark(made, translate(self._offered[name].knob.label), name in self._chosen)
        made.on_click(self._guard(lambda _button: self._knob_clicked(name)))
        return made

    def _row(self, name: str) -> Any:
        values = self._offered[name]
        made = {value: button("", f"wb-sweep-{name}-{class_part(value)}") for value in values.able}
        for value, each in made.items():
            each.on_click(self._guard(lambda _button, value=value: self._value_clicked(name, value)))
        self._values[name] = made
        label = markup(f"<span class='wb-label'>{escape(translate(values.knob.label))}</span>", "wb-sweep-name")
        unable = (f"{', '.join(map(knob_value, those))}: {why}" for why, those in values.unable.items())
        refused = markup(notes(unable), "wb-sweep-unable")
        return column([row([label, *made.values()], "wb-sweep-values"), refused])

    def _knob_clicked(self, name: str) -> None:
        if self._chosen.pop(name, None) is None:
            self._chosen[name] = list(self._offered[name].first)
        self._look()

    def _value_clicked(self, name: str, value: Any) -> None:
        chosen = self._chosen[name]
        wanted = [each for each in self._offered[name].able if (each in chosen) != (each == value)]
        self._chosen[name] = wanted or chosen  # the last one stays
        self._show()

    def _show(self) -> None:
        for name, chosen in self._chosen.items():
            for value, made in self._values[name].items():
                _mark(made, knob_value(value), value in chosen)
        self._tell_plan()
        self.enable(self._ready)

    def _tell_plan(self) -> None:
        session = self._session
        if session.attached:
            said = [text("sweep.tab.attached")]
        else:
            try:
                said = sweep_space.told(self._planned())
            except ConfigError as error:  # too many: said where the number would stand
                said = [f"{error.what} {error.why} {error.next_step}"]
            stays = size(session.resolved.weight_bytes) if session.pid is None else ""
            said.append(text("sweep.tab.stays", size=stays) if stays else text("sweep.tab.leaves"))
        self._plan.value = f"<div role='status'>{notes(said)}</div>"

    def _planned(self) -> sweep_space.Plan | None:
        session = self._session
        space = {name: tuple(values) for name, values in self._chosen.items()}
        return sweep_space.planned(space, session.config, session.machine, self._workload.workload(), session.facts)

    # --- what the panel asks of a tab

    def enable(self, ready: bool) -> None:
        self._ready = ready
        able = ready and not self.work.running and not self._session.attached
        for each in (*self._knobs.children, *(made for values in self._values.values() for made in values.values())):
            each.disabled = not able
        for each in self._fields.values():
            each.disabled = not able
        self._face.enable(able)

    def redraw(self) -> None:
        asked = (self._session.config, self._workload.workload())
        if asked != self._asked and not self.work.running:
            self._asked = asked
            self._look()
        before = self._evidence.sweep
        if before is not None and self._face.shown is None and not self.work.running:
            self._face.show(before)
        self._face.redraw()

    # --- the race

    def _start(self) -> None:
        """Go: the session's place is lent to it, so that nothing else runs on the session meanwhile."""
        session = self._session
        plan = self._planned()
        if plan is None:
            raise ConfigError("sweep.no_choice")
        constraints = self._constraints()
        limits(constraints)  # refused here, before the model makes room
        self._options = {
            "space": {name: list(values) for name, values in self._chosen.items()},
            "workload": self._workload.workload(),
            "objective": self._fields["objective"].value,
            "constraints": constraints,
            "budget_s": float(self._fields["budget"].value),
            "base": session.config,
            "revision": session.revision,
            "runs": session.runs,
        }
        self.work.prepare()
        try:
            job = self._submit("lend", self._lent, "sweep", halt=self.work.stop)
        except BaseException as error:
            self.work.drop(error)
            raise
        self.enable(self._ready)
        self._face.begins()
        job.add_done_callback(self._guard(self._over))

    def _lent(self, when_busy: str | None) -> Sweep:
        return self.work.run(self._session.name, self._options, when_busy)

    def _stop(self) -> None:
        self._face.stops()
        self._session.stop()

    def _apply(self) -> None:
        found = self._face.shown
        assert found is not None, "the button is there once a sweep is"
        assert found.best is not None, "and has a winner"
        self._submit("apply", Config(**found.best.config))

    def _exported(self, found: Sweep) -> Snippet:
        session = self._session
        known = {"facts": session.facts, "machine": session.machine, "revision": session.revision}
        return export(found, "transformers", model=session.name, **known)

    # --- in the session's thread

    def _over(self, job: "Future[Any]") -> None:
        if job.cancelled():  # while it waited for its turn
            self.work.drop(CancelledError())

    def _told(self, progress: Progress) -> None:
        self._face.told(progress)

    def _ticked(self) -> None:
        self._face.clock()

    def _ended(self, found: Sweep | None, error: BaseException | None) -> None:
        self._face.ended(found, error)


def _mark(made: Any, label: str, on: bool) -> None:
    with made.hold_sync():  # one message to the page
        made.description = f"• {label}" if on else label
        set_class(made, "wb-on", on)
