"""What a session checks before it bothers the worker."""

from typing import Any

from workbench.config import Config
from workbench.errors import CapabilityError, ConfigError
from workbench.knobs import refusals
from workbench.results import Machine, ModelFacts


def refuse_impossible(config: Config, machine: Machine, facts: ModelFacts | None) -> None:
    """CapabilityError for the first knob whose value this machine or model cannot do, with reason and remedy."""
    for knob, capability in refusals(config, machine, facts).items():
        raise CapabilityError(
            "config.refused",
            knob=knob,
            value=repr(config[knob]),
            reason=str(capability.reason),
            remedy=str(capability.remedy),
        )


def as_batch(prompts: Any) -> list[Any]:
    """One text, texts, one list of messages, or several: as a list of prompts. ConfigError for anything else."""
    if isinstance(prompts, str):
        return [prompts]
    if not isinstance(prompts, list | tuple) or not prompts:
        raise ConfigError("session.no_prompts", given=repr(prompts)[:80])
    if all(isinstance(part, dict) for part in prompts):
        return [list(prompts)]
    return list(prompts)


def at_least_one(name: str, value: Any) -> int:
    """A count of at least one. ConfigError otherwise."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError("session.bad_number", name=name, value=repr(value))
    return value
