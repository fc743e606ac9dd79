"""The points of a space: every combination of knob values that means something and that this machine can do.

Nothing is loaded. The order is that of the knobs and values as they were given.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from workbench.config import Config
from workbench.errors import ConfigError, ModelError
from workbench.forecast import Describable, forecast
from workbench.hosts.registry import device_key
from workbench.knobs import KNOBS, Cost, refusals
from workbench.results import Machine, ModelFacts, SweepRemoved, Workload
from workbench.words import Message, say
from workbench.words.format import size

_MOST_POINTS = 16384
_EACH_TOLD = 64  # removed combinations that are listed one by one
_MISTAKES = ("config.unknown_knob", "config.unknown_value")


@dataclass(frozen=True)
class Known:
    """What decides whether a point is possible. what: whose size is told; None: not known before a load.

    metered  key of the device whose energy counter rounds read; None: none is read
    """

    machine: Machine
    workload: Workload
    what: Describable | None = None
    facts: ModelFacts | None = None
    metered: str | None = None


@dataclass(frozen=True)
class Space:
    """points   each once, in order
    merged      combinations that are another point, because a knob has no effect beside the other values
    removed     combinations that cannot be here, with reasons
    """

    points: tuple[Config, ...]
    merged: int
    removed: tuple[SweepRemoved, ...]


def checked(space: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Values of each knob. ConfigError: an unknown knob or value, none at all, more combinations than are counted."""
    if not isinstance(space, Mapping) or not space:
        raise ConfigError("sweep.no_space", given=repr(space)[:80])
    found = {}
    for name, values in space.items():
        listed = tuple(values) if isinstance(values, list | tuple) else (values,)
        if not listed:
            raise ConfigError("sweep.no_values", knob=name)
        for value in listed:
            try:
                Config(**{name: value})
            except ConfigError as error:
                if error.code in _MISTAKES:
                    raise
        found[name] = listed
    total = 1
    for listed in found.values():
        total *= len(listed)
    if total > _MOST_POINTS:
        raise ConfigError("sweep.too_many", points=total, most=_MOST_POINTS)
    return found


def load_of(config: Config) -> tuple[Any, ...]:
    """What has to be loaded for it: equal for configurations that live changes lead between."""
    return tuple(config[name] for name, knob in KNOBS.items() if knob.cost is not Cost.LIVE)


def expand(space: Mapping[str, Any], base: Config, known: Known) -> Space:
    """All combinations of `space`, the other knobs as in `base`."""
    values = checked(space)
    points: dict[Config, None] = {}
    removed: dict[str, SweepRemoved] = {}
    found: dict[Config, Message | None] = {}
    merged = 0
    for combination in product(*values.values()):
        wanted = dict(zip(values, combination, strict=True))
        point, why = meant(wanted, base)
        if point is not None:
            if point not in found:
                found[point] = impossible(point, known)
            why = found[point]
        if why is not None:
            removed.setdefault(repr(wanted), SweepRemoved(values=_plain(wanted), why=why))
        elif point in points:
            merged += 1
        elif point is not None:
            points[point] = None
    told = tuple(removed.values())
    return Space(tuple(points), merged, told if len(told) <= _EACH_TOLD else _by_reason(told))


def _by_reason(removed: Sequence[SweepRemoved]) -> tuple[SweepRemoved, ...]:
    """One for each reason, with the values that all of its combinations share."""
    told: dict[str, list[SweepRemoved]] = {}
    for each in removed:
        told.setdefault(str(each.why), []).append(each)
    return tuple(
        SweepRemoved(
            values={
                name: value
                for name, value in same[0].values.items()
                if all(repr(other.values[name]) == repr(value) for other in same)
            },
            why=same[0].why,
            combinations=len(same),
        )
        for same in told.values()
    )


def meant(wanted: Mapping[str, Any], base: Config) -> tuple[Config | None, Message | None]:
    """The point of these values, without those that have no effect beside the others; or why there is none."""
    try:
        config = base.replace(**wanted)
        idle = {name: base[name] for name in wanted if not config.matters(name)}
        config = config.replace(**idle)
    except ConfigError as error:
        if error.code in _MISTAKES:
            raise
        return None, say("sweep.why.conflict", problem=" ".join(part for part in (error.what, error.why) if part))
    return config, None


def impossible(config: Config, known: Known) -> Message | None:
    """Why it cannot run here, by capability and by forecast; None where nothing speaks against it."""
    for knob, capability in refusals(config, known.machine, known.facts).items():
        reason, remedy = str(capability.reason), str(capability.remedy or "")
        return say("sweep.why.refused", knob=knob, value=repr(config[knob]), reason=reason, remedy=remedy)
    if known.metered is not None and device_key(config.device, known.machine) != known.metered:
        return say("sweep.why.other_counter", device=config.device)
    what = known.facts or known.what
    if what is None:
        return None
    try:
        found = forecast(what, config, known.workload, known.machine)
    except ModelError:  # the size of such a model is not known
        return None
    if found.fits is not False:
        return None
    needs = found.weights + found.kv_cache + found.workspace
    return say("sweep.why.forecast", needed=size(needs), available=size(found.available))


def labels(points: Sequence[Config], base: Config) -> list[str]:
    """What tells each from the others, in the knobs' own words: "sdpa, bfloat16, threads 2"."""
    everything = [base, *points]
    differing = [name for name in KNOBS if len({repr(point[name]) for point in everything}) > 1]
    speaking = ("attention", "dtype", "device", "quantization")
    found = []
    for point in points:
        words = [
            str(point[name]) if name in speaking else f"{name} {point[name]}"
            for name in differing
            if point.matters(name)
        ]
        found.append(", ".join(words))
    return found


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
