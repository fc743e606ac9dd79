"""What records are asked for, as one SQL condition: listing, counting, grouping, deleting and exporting share it."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypedDict

from workbench.catalog.sources import stored_name
from workbench.config import checked
from workbench.errors import ConfigError
from workbench.knobs import KNOBS
from workbench.metrics import METRICS
from workbench.runs.facts import as_stored

Words = str | Sequence[str]
Bounds = tuple[float | None, float | None]

_TAG = re.compile(r"\w[\w.:@+\-]{0,63}")


class Narrowing(TypedDict, total=False):
    """All of it must hold; where several words or values are given, one of them.

    machine               as records name it: "AMD EPYC, 2 cores"
    since, until          time of the measurement: from `since` on, before `until`; ISO 8601 text or datetime, UTC where
                          it names no zone
    knobs                 knob -> value, or a list of values; a record from before a knob existed has its default
    config                every knob: a Config or its dict
    tag, untagged         with one of these tags; without any of these
    metrics               metric -> (lowest, highest), None: no bound
    """

    machine: Words | None
    since: str | datetime | None
    until: str | datetime | None
    knobs: Mapping[str, Any] | None
    config: Any
    tag: Words | None
    untagged: Words | None
    metrics: Mapping[str, Bounds] | None


class Asked(Narrowing, total=False):
    """kind   as records name it: "measurement"
    model  as records name it, or as it is opened: "demo", a hub id, a folder
    """

    kind: Words | None
    model: Words | None


def where(asked: Asked) -> tuple[str, list[Any]]:
    """The condition on `runs`, and its values. ConfigError: an unknown name, knob, value, metric, or no time."""
    unknown = set(asked) - set(Asked.__annotations__)
    if unknown:
        raise ConfigError("runs.unknown_filter", name=sorted(unknown)[0], names=", ".join(Asked.__annotations__))
    words = {"kind": asked.get("kind"), "machine": asked.get("machine")}
    parts = [_among(column, _words(given)) for column, given in words.items() if given is not None]
    if (models := asked.get("model")) is not None:
        parts.append(_among("model", [*_words(models), *(stored_name(model) for model in _words(models))]))
    moments = {">=": asked.get("since"), "<": asked.get("until")}
    parts += [(f"time {sign} ?", [moment_of(given)]) for sign, given in moments.items() if given is not None]
    parts += [_knob(knob, wanted) for knob, wanted in (asked.get("knobs") or {}).items()]
    if (config := asked.get("config")) is not None:
        parts.append(_config(config.to_dict() if hasattr(config, "to_dict") else config))
    tags = {"IN": asked.get("tag"), "NOT IN": asked.get("untagged")}
    parts += [_tagged(sign, _words(given)) for sign, given in tags.items() if given is not None]
    parts += [_metric(metric, bounds) for metric, bounds in (asked.get("metrics") or {}).items()]
    condition = " AND ".join(part for part, _ in parts)
    return (f" WHERE {condition}" if condition else ""), [value for _, values in parts for value in values]


def moment_of(given: str | datetime) -> str:
    """A time as the store writes it: UTC, milliseconds. ConfigError when it is none."""
    try:
        moment = datetime.fromisoformat(given) if isinstance(given, str) else given
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise ConfigError("runs.no_time", given=repr(given)) from error
    return moment.isoformat(timespec="milliseconds")


def known_metric(name: str) -> str:
    """`name` when it is a metric. ConfigError."""
    if name not in METRICS:
        raise ConfigError("runs.unknown_metric", metric=name, metrics=", ".join(METRICS))
    return name


def tag_of(word: str) -> str:
    """`word` when it can be a tag: letters, digits and . : @ + - _, at most 64. ConfigError."""
    if not isinstance(word, str) or not _TAG.fullmatch(word):
        raise ConfigError("runs.bad_tag", tag=repr(word))
    return word


def _knob(knob: str, wanted: Any) -> tuple[str, list[Any]]:
    values = [checked(knob, value) for value in (wanted if isinstance(wanted, list) else [wanted])]
    among, stored = _among("value", [as_stored(value) for value in values])
    condition = f"config_hash IN (SELECT config_hash FROM knobs WHERE knob = ? AND {among})"
    if KNOBS[knob].default not in values:
        return condition, [knob, *stored]
    lacking = "config_hash <> '' AND config_hash NOT IN (SELECT config_hash FROM knobs WHERE knob = ?)"
    return f"({condition} OR ({lacking}))", [knob, *stored, knob]


def _config(asked: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """Every knob as asked. One that a record lacks, written before there was such a knob, was at its default."""
    wanted = {name: as_stored(asked.get(name, knob.default)) for name, knob in KNOBS.items()}
    changed = [(name, value) for name, value in wanted.items() if value != as_stored(KNOBS[name].default)]
    others = " OR ".join("(knob = ? AND value <> ?)" for _ in wanted)
    condition = f"config_hash <> '' AND config_hash NOT IN (SELECT config_hash FROM knobs WHERE {others})"
    values = [part for pair in wanted.items() for part in pair]
    if changed:
        same = " OR ".join("(knob = ? AND value = ?)" for _ in changed)
        told = f"SELECT config_hash FROM knobs WHERE {same} GROUP BY config_hash HAVING COUNT(*) = {len(changed)}"
        condition += f" AND config_hash IN ({told})"
        values += [part for pair in changed for part in pair]
    return condition, values


def _tagged(sign: str, tags: list[str]) -> tuple[str, list[Any]]:
    among, values = _among("tag", tags)
    return f"id {sign} (SELECT run FROM tags WHERE {among})", values


def _metric(metric: str, bounds: Bounds) -> tuple[str, list[Any]]:
    try:
        low, high = bounds
    except (TypeError, ValueError) as error:
        raise ConfigError("runs.bad_bounds", metric=metric, given=repr(bounds)) from error
    limits = [(sign, bound) for sign, bound in ((">=", low), ("<=", high)) if bound is not None]
    among = "".join(f" AND value {sign} ?" for sign, _ in limits)
    return (
        f"id IN (SELECT run FROM numbers WHERE name = ?{among})",
        [known_metric(metric), *(float(bound) for _, bound in limits)],
    )


def _among(column: str, words: Sequence[str]) -> tuple[str, list[Any]]:
    return f"{column} IN ({', '.join('?' * len(words))})", list(words)


def _words(given: Words) -> list[str]:
    return [given] if isinstance(given, str) else list(given)
