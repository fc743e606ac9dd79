"""Config: one frozen, validated value for every knob."""

import difflib
import inspect
import json
from collections.abc import Iterator, Mapping
from typing import Any, Self

from workbench.errors import ConfigError
from workbench.knobs import KNOBS, Cost, cost_of

SCHEMA = "workbench.config/1"


class Config(Mapping[str, Any]):
    """What a person asks for: a value for each knob of `workbench.knobs`; no model, no batch, no lengths.

    `Config(attention="eager")` takes the other values from the registry. Frozen, hashable, a mapping of knob to value.
    Raises ConfigError for an unknown knob, an unknown value or an impossible pair.
    """

    __slots__ = ("_values",)
    _values: dict[str, Any]

    def __init__(self, **values: Any) -> None:
        for name in values:
            _known(name)
        checked_values = {name: checked(name, values.get(name, knob.default)) for name, knob in KNOBS.items()}
        for knob in KNOBS.values():
            contradiction = knob.conflict(checked_values) if knob.conflict else None
            if contradiction:
                raise ConfigError(contradiction[0], **contradiction[1])
        object.__setattr__(self, "_values", checked_values)

    def replace(self, **changes: Any) -> Self:
        return type(self)(**{**self._values, **changes})

    def diff(self, other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """knob -> (value here, value in `other`) where they differ."""
        return {name: (old, other[name]) for name, old in self._values.items() if old != other[name]}

    def matters(self, knob: str) -> bool:
        """Whether `knob` has an effect beside the other values."""
        return KNOBS[knob].when(self)

    def cost_to(self, other: Mapping[str, Any]) -> Cost:
        """What going from here to `other` costs: live, reload or restart."""
        return cost_of(self.diff(other))

    def to_dict(self) -> dict[str, Any]:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in self._values.items()}

    def to_json(self, indent: int | None = 2) -> str:
        return json.dumps({"schema": SCHEMA, "config": self.to_dict()}, indent=indent)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The Config that `to_json` wrote. ConfigError when the text is not one, or has a newer schema."""
        try:
            document = json.loads(text)
            schema, values = document["schema"], document["config"]
        except (ValueError, TypeError, KeyError) as error:
            raise ConfigError("config.not_a_config", problem=f"{type(error).__name__}: {error}") from error
        if schema != SCHEMA:
            raise ConfigError("config.other_schema", schema=schema, expected=SCHEMA)
        return cls(**values)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._values:
            raise AttributeError(f"Config has no knob {name!r}")
        return self._values[name]

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"Config is frozen: use config.replace({name}={value!r})")

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(tuple(self._values.items()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Config) and self._values == other._values

    def __reduce__(self) -> tuple[Any, ...]:
        return _build, (self._values,)

    def __repr__(self) -> str:
        changed = {name: value for name, value in self._values.items() if value != KNOBS[name].default}
        return f"Config({', '.join(f'{name}={value!r}' for name, value in changed.items())})"


def checked(name: str, value: Any) -> Any:
    """`value` as a Config holds it for that knob. ConfigError: an unknown knob or value."""
    _known(name)
    kind = KNOBS[name].kind
    try:
        return kind.check(value)
    except ValueError as error:
        raise ConfigError(
            "config.unknown_value",
            knob=name,
            value=repr(value),
            allowed=str(error),
            nearest=_nearest(str(value), getattr(kind, "values", ())),
        ) from None


def _known(name: str) -> None:
    if name not in KNOBS:
        raise ConfigError("config.unknown_knob", knob=name, nearest=_nearest(name, KNOBS), knobs=", ".join(KNOBS))


def _build(values: dict[str, Any]) -> Config:
    return Config(**values)


def _nearest(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return close[0] if close else "-"


Config.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # help() and completion list the knobs
    [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=knob.default) for name, knob in KNOBS.items()]
)
