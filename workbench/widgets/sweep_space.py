"""What a person may choose for a sweep of the resident model, and what the choice comes to before it starts. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.config import Config
from workbench.knobs import KNOBS, Choice, Group, Knob, Number, Toggle
from workbench.results import Machine, ModelFacts, SweepRemoved, Workload
from workbench.sweep.space import Known, expand, load_of
from workbench.widgets.bodies import Situation, listed
from workbench.words import text
from workbench.words.format import knob_value, printable

GROUPS = (Group.ATTENTION, Group.DECODING, Group.PRECISION, Group.QUANTISATION)
THREADS = "threads"
_MOST_TOLD = 4


@dataclass(frozen=True)
class Values:
    """Of one knob: those that can be here, and those that cannot, by their reason.

    first  what is chosen at first: those that cost nothing to speak of
    """

    knob: Knob
    able: tuple[Any, ...]
    unable: Mapping[str, tuple[Any, ...]]
    first: tuple[Any, ...]


@dataclass(frozen=True)
class Plan:
    """What a choice comes to. points: with the base line; loads: of the weights, each at least once."""

    points: int
    loads: int
    merged: int = 0
    removed: tuple[SweepRemoved, ...] = ()


def offered(situation: Situation) -> dict[str, Values]:
    """The knobs that a sweep is for, with at least two values that can be here."""
    found = {}
    for name, knob in KNOBS.items():
        if knob.group not in GROUPS and name != THREADS:
            continue
        judged = {value: situation.capability(knob, value) for value in _values(knob, situation)}
        able = tuple(value for value, capability in judged.items() if capability.ok)
        unable: dict[str, tuple[Any, ...]] = {}
        for value, capability in judged.items():
            if not capability.ok:
                reason = str(capability.reason or "")
                unable[reason] = (*unable.get(reason, ()), value)
        first = tuple(value for value in able if judged[value].note is None)
        if len(able) > 1:
            found[name] = Values(knob, able, unable, first if len(first) > 1 else able)
    return found


def _values(knob: Knob, situation: Situation) -> list[Any]:
    if isinstance(knob.kind, Choice):
        return listed(knob, situation)
    if isinstance(knob.kind, Toggle):
        return [False, True]
    if knob.name == THREADS and isinstance(knob.kind, Number):
        cores = situation.machine.cpu.cores
        halves = [cores >> step for step in range(cores.bit_length())]
        return [*knob.kind.words, *sorted(halves)]
    return []


def planned(
    space: Mapping[str, tuple[Any, ...]], base: Config, machine: Machine, work: Workload, facts: ModelFacts
) -> Plan | None:
    """What `sweep` would race; None where there is nothing to choose between. ConfigError: too many to try."""
    if not any(len(values) > 1 for values in space.values()):
        return None
    laid = expand(space, base, Known(machine, work, facts=facts))
    points = dict.fromkeys((base, *laid.points))
    return Plan(len(points), len({load_of(point) for point in points}), laid.merged, laid.removed)


def told(plan: Plan | None) -> list[str]:
    """A plan in sentences, not escaped."""
    if plan is None:
        return [text("sweep.tab.nothing")]
    said = [text("sweep.tab.plan", points=plan.points, loads=plan.loads)]
    if plan.merged:
        said.append(text("sweep.tab.merged", merged=plan.merged))
    for each in plan.removed[:_MOST_TOLD]:
        values = ", ".join(f"{name}={knob_value(value)}" for name, value in each.values.items())
        said.append(text("sweep.tab.left_out", values=printable(values, 120), why=printable(each.why, 240)))
    if len(plan.removed) > _MOST_TOLD:
        said.append(text("sweep.tab.more", more=len(plan.removed) - _MOST_TOLD))
    return said
