"""What a document is found by: taken from it once, when it is stored."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.errors import StoreError


@dataclass(frozen=True)
class Facts:
    """kind, model and machine as people name them; knobs as JSON; every number that stands by itself in the result.

    content  hash of the document and its time: the same record is known again in another store's export
    """

    kind: str
    model: str | None
    machine: str | None
    config_hash: str
    content: str
    knobs: dict[str, str]
    numbers: dict[str, float]


def facts_of(document: Mapping[str, Any], when: str) -> Facts:
    """`when`: as it is stored. KeyError, TypeError or ValueError for what is no document."""
    machine, config = document.get("machine"), document.get("config")
    return Facts(
        kind=str(document["schema"]).removeprefix("workbench.").partition("/")[0],
        model=_text(document.get("model")),
        machine=_text(machine.get("label") if isinstance(machine, Mapping) else machine),
        config_hash=config_hash(config),
        content=hashlib.sha256(json.dumps([when, document], sort_keys=True).encode()).hexdigest(),
        knobs={str(_text(name)): as_stored(value) for name, value in config.items()}
        if isinstance(config, Mapping)
        else {},
        numbers=_numbers(document.get("result")),
    )


def prepared(document: Mapping[str, Any], when: str) -> tuple[str, Facts]:
    """The text that is stored, and what it is found by. StoreError for what is no document."""
    try:
        return json.dumps(document), facts_of(document, when)  # escaped: half a surrogate pair survives too
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise StoreError("runs.bad_document", problem=f"{type(error).__name__}: {error}") from error


def config_hash(config: Any) -> str:
    """The same for the same knob values, whatever their order; "" for a record without a config."""
    if config is None:
        return ""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16]


def as_stored(value: Any) -> str:
    """A knob's value as it is compared with others: JSON."""
    return json.dumps(value, sort_keys=True)


def _numbers(result: Any) -> dict[str, float]:
    found = {}
    for name, value in result.items() if isinstance(result, Mapping) else ():
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        try:
            number = float(value)
        except OverflowError:  # a whole number beyond what a float holds is no measurement
            continue
        if math.isfinite(number):
            found[str(_text(name))] = number
    return found


def _text(value: Any) -> str | None:
    """Half a surrogate pair, which SQLite refuses, becomes a question mark."""
    return None if value is None else str(value).encode(errors="replace").decode()
