"""What can be scanned: parameters with the values they take here, and what each value changes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Literal

from workbench.config import Config
from workbench.errors import ConfigError
from workbench.knobs import KNOBS
from workbench.results import Machine, ModelFacts, Workload

SHORTEST_PROMPT = 64
MOST_ROWS = 4096
# their first use compiles for a minute: scanned when they are named
_COMPILED = ("flex_attention",)


@dataclass(frozen=True)
class Parameter:
    """One entry of the registry.

    values    of this model on this machine, growing; `room`: rows of the workload that the first line's memory holds
    change    value -> what it changes of the config's knobs and of the workload
    workload, budget_s  unless others are asked for
    limited   whether the last of `values` is a limit of the model or of memory; the word that says which
    by_attention  whether every usable attention implementation is a line unless others are asked for
    knees     whether throughput is traded for latency along it
    """

    name: str
    values: Callable[[ModelFacts, Machine, Workload, int | None], tuple[int, ...]]
    change: Callable[[int], tuple[dict[str, Any], dict[str, Any]]]
    workload: Workload = field(default_factory=Workload)
    budget_s: float = 120.0
    limited: Literal["", "limit", "memory"] = ""
    by_attention: bool = False
    knees: bool = False


def _lengths(facts: ModelFacts, _machine: Machine, workload: Workload, _room: int | None) -> tuple[int, ...]:
    """64, 128, … and the longest prompt that leaves room for the new tokens."""
    longest = facts.context_length - workload.new_tokens
    return (*_doubling(min(SHORTEST_PROMPT, longest), longest - 1), longest)


def _rows(_facts: ModelFacts, _machine: Machine, _workload: Workload, room: int | None) -> tuple[int, ...]:
    """1, 2, 4, … and the most that memory holds; where that is not known, until memory or the budget ends it."""
    most = min(MOST_ROWS if room is None else max(room, 1), MOST_ROWS)
    return (*_doubling(1, most - 1), most)


def _threads(_facts: ModelFacts, machine: Machine, _workload: Workload, _room: int | None) -> tuple[int, ...]:
    most = machine.cpu.logical_cores
    return tuple(sorted({*_doubling(1, most), most}))


def _doubling(first: int, last: int) -> tuple[int, ...]:
    values = []
    while first <= last:
        values.append(first)
        first *= 2
    return tuple(values)


PARAMETERS: dict[str, Parameter] = {
    parameter.name: parameter
    for parameter in (
        Parameter(
            "prompt_tokens",
            _lengths,
            lambda value: ({}, {"prompt_tokens": value}),
            limited="limit",
            by_attention=True,
        ),
        Parameter(
            "batch_size",
            _rows,
            lambda value: ({}, {"batch_size": value}),
            workload=Workload(prompt_tokens=64),  # short, so that a CPU gets beyond a few rows in the time
            budget_s=75.0,
            limited="memory",
            knees=True,
        ),
        Parameter("threads", _threads, lambda value: ({"threads": value}, {})),
    )
}


def parameter_of(name: str) -> Parameter:
    """ConfigError names those there are."""
    if name not in PARAMETERS:
        raise ConfigError("scan.unknown_parameter", parameter=name, parameters=", ".join(PARAMETERS))
    return PARAMETERS[name]


def configs_of(scanned: Parameter, asked: Any, here: Config, machine: Machine, facts: ModelFacts) -> list[Config]:
    """The configurations of a scan: a grid of knob values ({"attention": [...]}), or a list of Configs or changes.

    None: the one in force; of prompt lengths, every attention implementation that this machine and model can use
    without compiling.
    """
    if asked is None and not scanned.by_attention:
        asked = [here]
    elif asked is None:
        asked = {"attention": [value for value in _implementations(machine) if _usable(value, here, machine, facts)]}
    if isinstance(asked, Mapping):
        grid = product(*(values if isinstance(values, list | tuple) else (values,) for values in asked.values()))
        configs = [here.replace(**dict(zip(asked, values, strict=True))) for values in grid]
    else:
        configs = [one if isinstance(one, Config) else here.replace(**one) for one in asked]
    if not configs or len(set(configs)) < len(configs):
        raise ConfigError("scan.configs", count=len(configs))
    return configs


def labels_of(configs: list[Config]) -> list[str]:
    """What tells each from the others, in the knobs' own words; "" when there is but one."""
    differing = {name for one in configs for name in configs[0].diff(one)}
    return [", ".join(str(one[name]) for name in KNOBS if name in differing) for one in configs]


def _implementations(machine: Machine) -> tuple[str, ...]:
    values: tuple[str, ...] = getattr(KNOBS["attention"].kind, "values", ())
    return tuple(value for value in values if value not in _COMPILED)


def _usable(value: str, here: Config, machine: Machine, facts: ModelFacts) -> bool:
    return KNOBS["attention"].capability(value, machine, facts, here.replace(attention=value)).ok
