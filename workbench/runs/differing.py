"""What differs between two records, part by part."""

from collections.abc import Iterator, Mapping
from typing import Any

from workbench.errors import ConfigError
from workbench.knobs import KNOBS
from workbench.results import KeptDiff, parting
from workbench.runs.comparing import compared, measurement_of, side_of
from workbench.words import Message, say

# of a machine: what is of the moment, or follows from the rest
_OF_THE_MOMENT = frozenset(
    {
        *("available_bytes", "free_bytes", "free_disk_bytes", "shm_bytes", "lines", "seconds", "seconds_beside_busy"),
        *("busy_elsewhere", "reason", "remedy", "copy_bandwidth", "plugged_in", "battery_share"),
    }
)


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> KeptDiff:
    """a against b; a knob that an older record lacks has its default."""
    both = all(str(record.get("schema")) == "workbench.measurement/1" for record in (a, b))
    try:
        comparison = compared(a, b) if both else None
    except ConfigError:  # a measurement of another version: what differs can be told all the same
        comparison = None
    configs = tuple(_with_defaults(record.get("config")) for record in (a, b))
    results = tuple(
        {name: value for name, value in (record.get("result") or {}).items() if _is_number(value)} for record in (a, b)
    )
    tokens = _tokens(a, b) if comparison is not None and comparison.metrics else None
    return KeptDiff(
        a=side_of(a, "a"),
        b=side_of(b, "b"),
        config=_differing(configs[0], configs[1]),
        resolved=_differing(a.get("resolved"), b.get("resolved")),
        workload=_differing(a.get("workload"), b.get("workload")),
        versions=_differing(a.get("versions"), b.get("versions")),
        machine=_differing(_lasting(a.get("machine")), _lasting(b.get("machine"))),
        metrics=_differing(results[0], results[1]),
        comparison=comparison,
        tokens=tokens,
    )


def _tokens(a: Mapping[str, Any], b: Mapping[str, Any]) -> Message:
    """Of both answers to the first prompt."""
    first, second = (measurement_of(record).token_ids for record in (a, b))
    at = parting(first, second)
    if at is None:
        return say("kept.tokens_same", of=len(first))
    return say("kept.tokens_part", at=at + 1, of=len(first))


def _with_defaults(config: Any) -> Any:
    if not isinstance(config, Mapping):
        return config
    defaults = {name: knob.default for name, knob in KNOBS.items()}
    return {**{name: list(v) if isinstance(v, tuple) else v for name, v in defaults.items()}, **config}


def _differing(a: Any, b: Any) -> dict[str, tuple[Any, Any]]:
    first, second = dict(_flat(a)), dict(_flat(b))
    return {
        name: (first.get(name), second.get(name))
        for name in dict.fromkeys([*first, *second])
        if first.get(name) != second.get(name)
    }


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Nested names joined by dots; of things in a list that have names, by their names."""
    if isinstance(value, list) and value and all(isinstance(each, Mapping) and "name" in each for each in value):
        value = {str(each["name"]): {key: one for key, one in each.items() if key != "name"} for each in value}
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _flat(each, f"{name}.{key}" if name else str(key))
    elif value is not None or name:
        yield name, value


def _lasting(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _lasting(each) for key, each in value.items() if key not in _OF_THE_MOMENT}
    return [_lasting(each) for each in value] if isinstance(value, list) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
