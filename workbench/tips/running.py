"""The one runner: every kind of experiment, to a verdict, within a budget."""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from workbench.errors import CapabilityError, ModelError, OutOfMemory, Stopped, WorkbenchError
from workbench.results import Resolved, TipRun, TipsReport, Verdict, recorded, versions
from workbench.runs import Runs
from workbench.session import Session
from workbench.tips.answering import refused
from workbench.tips.apart import installed_engines
from workbench.tips.deciding import cell_of, sentence, verdict_of
from workbench.tips.experiments import Pair, Probe, Script, Untestable
from workbench.tips.facts import FACTS
from workbench.tips.needs import can_test
from workbench.tips.pairs import pair
from workbench.tips.questions import APART, QUESTIONS
from workbench.tips.scripts import script
from workbench.tips.stand import Cell, Stand
from workbench.tips.tip import Takes, Tip
from workbench.words import say

# seconds that a pair may take in all its situations, by the tip's class; loads come on top
_PAIR_S = {Takes.SECONDS: 5.0, Takes.MINUTE: 15.0, Takes.MINUTES: 30.0}


def run(
    tips: Iterable[Tip],
    session: Session | None = None,
    *,
    model: str = "demo",
    budget_s: float | None = None,
    runs: Runs | None = None,
    on_tip: Callable[[Tip, TipRun], None] | None = None,
    on_start: Callable[[Tip], None] | None = None,
    stand: Stand | None = None,
) -> TipsReport:
    """Tests each tip, the exact ones first; keeps each verdict in the store.

    session   whose model is tested, its configuration in force again afterwards; None: `model`, in workers of its own
    budget_s  after it no further tip begins; what is left says so
    runs      the store, where there is no session that has one
    on_start, on_tip  called before and after each
    stand     that the models stand on; `stand.stop()` from another thread ends what runs, and with it the rest

    A tip that this machine cannot test gets that verdict with what it needs. An error of an experiment is its result.
    """
    began = time.monotonic()
    left = sorted(tips, key=lambda tip: tip.takes.seconds)  # stable: the registry's order within a class
    done: list[TipRun] = []
    with stand or Stand(session, model) as held:
        engines = installed_engines()
        while left and not held.stopped and (budget_s is None or time.monotonic() - began < budget_s):
            tip = left[0]
            if on_start:
                on_start(tip)
            try:
                found = decide(held, tip, engines)
            except Stopped:
                break
            if held.stopped:  # what it was doing may have been cut short
                break
            left.pop(0)
            done.append(found)
            store = session.runs if session is not None else runs
            if store is not None:
                store.add(recorded(found.model or None, held.machine, found))
            if on_tip:
                on_tip(tip, found)
        return TipsReport(
            machine=held.machine.label,
            versions=versions(),
            model=held.model,
            runs=tuple(done),
            left=tuple(tip.id for tip in left),
            seconds=time.monotonic() - began,
        )


def decide(stand: Stand, tip: Tip, engines: Collection[str] = ()) -> TipRun:
    """One tip. `engines`: those that have an environment here. Stopped passes through."""
    began = time.monotonic()
    can = can_test(tip, stand.machine, engines)
    if not can.ok:
        return _cannot(tip, can.reason, can.remedy, began)
    try:
        cells, other = _cells(stand, tip)
    except Stopped:
        raise
    except (CapabilityError, OutOfMemory) as error:
        return _cannot(tip, say("tips.said.refused", problem=error.what, why=error.why), None, began)
    except WorkbenchError as error:
        failed = _cannot(tip, say("tips.said.failed", problem=error.what, why=error.why), None, began)
        return failed.model_copy(update={"failed": True})
    judged = tuple(cell_of(cell, tip.holds_if, other) for cell in cells)
    verdict = verdict_of(judged)
    last = cells[-1]
    return TipRun(
        id=tip.id,
        verdict=verdict,
        expected=tip.expected.verdict,
        model=_model(stand, tip),
        cells=judged,
        sentence=sentence(tip, judged, verdict),
        exact=all(bound.found.ci95 is None for cell in judged for bound in cell.bounds),
        resolved=last.resolved,
        config=dict(last.config) if last.config is not None else None,
        seconds=time.monotonic() - began,
    )


def _cells(stand: Stand, tip: Tip) -> tuple[Sequence[Cell], Any]:
    experiment = tip.experiment
    match experiment:
        case Pair():
            return tuple(pair(stand, tip, experiment, _PAIR_S.get(tip.takes, 20.0))), None
        case Script():
            cell, other = script(stand, experiment)
            return (cell,), other
        case Probe():
            return tuple(_asked(stand, tip, experiment)), None
        case Untestable():
            raise CapabilityError("tips.nothing_decides", reason=experiment.reason)


def _asked(stand: Stand, tip: Tip, experiment: Probe) -> Iterable[Cell]:
    for about in experiment.cells:
        params = {**experiment.params, **about}
        if experiment.name in FACTS:
            yield Cell(FACTS[experiment.name](stand.machine, params), about)
        elif experiment.name in APART:
            with stand.apart(tip.model) as session:
                yield _answered(stand, session, experiment.name, params, about)
        else:
            try:
                session = stand.on(tip.model)
            except ModelError as error:
                if (found := refused(experiment.name, error)) is None:
                    raise
                yield Cell(found, about)
            else:
                yield _answered(stand, session, experiment.name, params, about)


def _answered(stand: Stand, session: Session, name: str, params: dict[str, Any], about: Any) -> Cell:
    wanted = stand.config(params.get("knobs", {}))
    if session.config != wanted and name not in ("spread", "thread_scan"):
        session.apply(wanted)
    found = QUESTIONS[name](stand, session, params)
    resolved: Resolved = session.resolved
    return Cell(found, about, resolved, session.config.to_dict())


def _model(stand: Stand, tip: Tip) -> str:
    experiment = tip.experiment
    if isinstance(experiment, Script) or (isinstance(experiment, Probe) and experiment.name in FACTS):
        return ""
    return tip.model or stand.model


def _cannot(tip: Tip, reason: Any, remedy: Any, began: float) -> TipRun:
    return TipRun(
        id=tip.id,
        verdict=Verdict.CANNOT,
        expected=tip.expected.verdict,
        sentence=reason,
        remedy=remedy,
        seconds=time.monotonic() - began,
    )
