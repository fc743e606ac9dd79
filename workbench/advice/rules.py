"""What a rule is, and what rules share: how a gain is computed, and whether a change can be made here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from workbench.advice.evidence import Evidence
from workbench.errors import ConfigError
from workbench.knobs import refusals
from workbench.results.advice import Finding, Gain
from workbench.words import Message, say

Look = Callable[[Evidence], Finding | None]


@dataclass(frozen=True)
class Rule:
    """look   None: nothing of the kind is there
    needs  fields of the evidence without which it is not asked
    """

    name: str
    look: Look
    needs: tuple[str, ...] = ()


def possible(evidence: Evidence, **change: Any) -> bool:
    """Whether this machine and model can have the configuration with that change."""
    try:
        config = evidence.config.replace(**change)
    except ConfigError:
        return False
    return config != evidence.config and not refusals(config, evidence.machine, evidence.facts)


def first_possible(evidence: Evidence, *changes: dict[str, Any]) -> dict[str, Any] | None:
    return next((change for change in changes if possible(evidence, **change)), None)


def without(share: float, metric: str, how: Message, left: float = 0.0) -> Gain:
    """At most what is left when a share of the time becomes `left` of itself; at least nothing (Amdahl's law)."""
    return Gain(metric=metric, low=1.0, high=1 / max(1 - share * (1 - left), 0.01), how=how)


def unknown(what: str) -> Message:
    """What would tell a gain that cannot be computed."""
    return say("advice.unknown", what=what)
