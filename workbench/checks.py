"""What a session checks before it bothers the worker."""

import math
import re
from typing import Any

from workbench.config import Config
from workbench.errors import CapabilityError, ConfigError
from workbench.knobs import refusals
from workbench.knobs.sampling import LARGEST_SEED
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


def positive(**numbers: Any) -> None:
    """ConfigError for the first that is no finite number above 0."""
    for name, value in numbers.items():
        known = isinstance(value, int | float) and not isinstance(value, bool)
        if not known or not math.isfinite(value) or value <= 0:
            raise ConfigError("endpoint.bad_number", name=name, value=repr(value)[:80])


def as_seed(seed: Any) -> int:
    """A seed as torch takes it. ConfigError otherwise."""
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed <= LARGEST_SEED:
        raise ConfigError("sampling.bad_seed", seed=repr(seed)[:80], largest=LARGEST_SEED)
    return seed


def as_processors(given: Any, *, here: bool) -> list[Any]:
    """Logits processors of one call: import paths "package.module:factory"; functions too where the model is `here`.

    ConfigError for anything else.
    """
    if not isinstance(given, list | tuple):
        raise ConfigError("processors.not_a_list", given=repr(given)[:80])
    for each in given:
        if isinstance(each, str):
            if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*", each):
                raise ConfigError("processors.bad_path", path=repr(each)[:80])
        elif not callable(each):
            raise ConfigError("processors.not_a_list", given=repr(given)[:80])
        elif not here:
            raise ConfigError("processors.inline_only", name=getattr(each, "__qualname__", type(each).__qualname__))
    return list(given)
