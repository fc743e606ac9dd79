"""What can be scanned: parameters with the values they take here, and what each value changes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from workbench.config import Config
from workbench.errors import ConfigError
from workbench.knobs import KNOBS
from workbench.results import Machine, ModelFacts, Workload

SHORTEST_PROMPT = 64
MOST_ROWS = 64
# their first use compiles for a minute: scanned when they are named
_COMPILED = ("flex_attention",)


@dataclass(frozen=True)
class Parameter:
    """One entry of the registry.

    values   of this model on this machine, growing
    change   value -> what it changes of the config's knobs and of the workload
    limited  whether the last of `values` is the model's own limit
    """

    name: str
    values: Callable[[ModelFacts, Machine, Workload], tuple[int, ...]]
    change: Callable[[int], tuple[dict[str, Any], dict[str, Any]]]
    limited: bool = False


def _lengths(facts: ModelFacts, _machine: Machine, workload: Workload) -> tuple[int, ...]:
    """64, 128, … and the longest prompt that leaves room for the new tokens."""
    longest = facts.context_length - workload.new_tokens
    return (*_doubling(min(SHORTEST_PROMPT, longest), longest - 1), longest)


def _rows(_facts: ModelFacts, _machine: Machine, _workload: Workload) -> tuple[int, ...]:
    return _doubling(1, MOST_ROWS)


def _threads(_facts: ModelFacts, machine: Machine, _workload: Workload) -> tuple[int, ...]:
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
        Parameter("prompt_tokens", _lengths, lambda value: ({}, {"prompt_tokens": value}), limited=True),
        Parameter("batch_size", _rows, lambda value: ({}, {"batch_size": value})),
        Parameter("threads", _threads, lambda value: ({"threads": value}, {})),
    )
}


def parameter_of(name: str) -> Parameter:
    """ConfigError names those there are."""
    if name not in PARAMETERS:
        raise ConfigError("scan.unknown_parameter", parameter=name, parameters=", ".join(PARAMETERS))
    return PARAMETERS[name]


def configs_of(asked: Any, here: Config, machine: Machine, facts: ModelFacts) -> list[Config]:
    """The configurations of a scan: a grid of knob values ({"attention": [...]}), or a list of Configs or changes.

    None: every attention implementation that this machine and model can use without compiling.
    """
    if asked is None:
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
