"""How long a server is waited for, and what is asked of its speed: NAME=SECONDS pairs of the command line as data."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

from workbench.errors import ConfigError
from workbench.results import EndpointTarget

LIMITS = ("ttft", "tpot", "e2e")


@dataclass(frozen=True)
class Patience:
    """Seconds. connect: until connected; first: until the first token; gap: between tokens; total: for one request."""

    connect: float = 5.0
    first: float = 60.0
    gap: float = 30.0
    total: float = 300.0


WAITS = tuple(field.name for field in fields(Patience))


def patience_of(given: str | Mapping[str, float] | None) -> Patience:
    """`first=30,total=120`, or a mapping; what is left out keeps its default. ConfigError for anything else."""
    return Patience(**_pairs("patience", given, WAITS))


def target_of(given: str | Mapping[str, float] | None) -> EndpointTarget:
    """`ttft=0.5,tpot=0.05,e2e=4`, or a mapping, in seconds. ConfigError for anything else."""
    return EndpointTarget(**{f"{name}_s": value for name, value in _pairs("target", given, LIMITS).items()})


def _pairs(what: str, given: str | Mapping[str, float] | None, allowed: tuple[str, ...]) -> dict[str, float]:
    if isinstance(given, str):
        words = [word.partition("=") for word in given.split(",") if word.strip()]
        given = {name.strip(): _seconds(what, value, allowed) for name, _equals, value in words}
    found = dict(given or {})
    for name, value in found.items():
        if name not in allowed or isinstance(value, bool) or not isinstance(value, int | float):
            raise _bad(what, f"{name}={value}", allowed)
        if not (math.isfinite(value) and value > 0):
            raise _bad(what, f"{name}={value}", allowed)
    return found


def _seconds(what: str, word: str, allowed: tuple[str, ...]) -> float:
    try:
        return float(word)
    except ValueError:
        raise _bad(what, word, allowed) from None


def _bad(what: str, given: str, allowed: tuple[str, ...]) -> ConfigError:
    return ConfigError("endpoint.bad_pairs", what=what, given=repr(given), allowed=", ".join(allowed))
