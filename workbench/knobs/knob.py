"""What a knob is: plain data about one thing a person can change."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from workbench.knobs.kinds import Kind
from workbench.results import Capability, Machine, ModelFacts

OK = Capability(ok=True)


class Group(StrEnum):
    """The panel's groups, in its order."""

    ATTENTION = "attention"
    DECODING = "decoding"
    PRECISION = "precision"
    QUANTISATION = "quantisation"
    TOKENS = "tokens"
    GENERATION = "generation"
    MACHINE = "machine"


class Cost(StrEnum):
    """What a change costs: nothing but a call, a new load of the weights, or a new worker process."""

    LIVE = "live"
    RELOAD = "reload"
    RESTART = "restart"

    @property
    def rank(self) -> int:
        return list(Cost).index(self)


# (value, machine, model or None before a load, values of all knobs) -> can this value be used here?
CapabilityOf = Callable[[Any, Machine, ModelFacts | None, Mapping[str, Any]], Capability]
# values of all knobs -> the message code and parameters of a contradiction, or None
Conflict = Callable[[Mapping[str, Any]], tuple[str, dict[str, Any]] | None]


def always(_values: Mapping[str, Any]) -> bool:
    return True


def nothing_more(_machine: Machine) -> tuple[str, ...]:
    return ()


def anywhere(_value: Any, _machine: Machine, _model: ModelFacts | None, _values: Mapping[str, Any]) -> Capability:
    return OK


@dataclass(frozen=True)
class Knob:
    """One entry of the registry.

    name        the libraries' own word where there is one; the field of `Config`
    label, help for people, translated at the surface
    kind        which values there are, and how text becomes one (`workbench.knobs.kinds`)
    cost        of going from any value to another
    when        False: the knob has no effect beside these other values (shown greyed, still kept)
    offered     values beyond the listed ones that this machine's libraries name
    conflict    a contradiction between values, which `Config` refuses
    capability  whether this machine and model can do one value; pure, so that every branch is tested by facts
    """

    name: str
    label: str
    help: str
    group: Group
    kind: Kind
    default: Any
    cost: Cost = Cost.LIVE
    unit: str = ""
    when: Callable[[Mapping[str, Any]], bool] = field(default=always)
    offered: Callable[[Machine], tuple[str, ...]] = field(default=nothing_more)
    conflict: Conflict | None = None
    capability: CapabilityOf = field(default=anywhere)
