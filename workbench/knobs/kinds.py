"""The kinds of value a knob can hold: each checks a value and says what is allowed."""

import json
import re
from dataclasses import dataclass
from typing import Any

from workbench.knobs.budgets import Budgets


@dataclass(frozen=True)
class Choice:
    """One of `values`; `pattern` admits names that cannot be listed (cuda:1)."""

    values: tuple[str, ...]
    pattern: str | None = None

    @property
    def allowed(self) -> str:
        return ", ".join(self.values)

    def check(self, value: Any) -> str:
        if isinstance(value, str) and (
            value in self.values or (self.pattern is not None and re.fullmatch(self.pattern, value))
        ):
            return value
        raise ValueError(self.allowed)


@dataclass(frozen=True)
class Toggle:
    """True or False."""

    allowed = "True, False"

    def check(self, value: Any) -> bool:
        if isinstance(value, bool):
            return value
        raise ValueError(self.allowed)


@dataclass(frozen=True)
class Number:
    """A number from `low` to `high`, or one of the words. `integer` refuses fractions."""

    low: float
    high: float
    step: float
    integer: bool = False
    words: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        what = "a whole number" if self.integer else "a number"
        return ", ".join((f"{what} from {self.low:g} to {self.high:g}", *self.words))

    def check(self, value: Any) -> Any:
        if isinstance(value, str) and value in self.words:
            return value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(self.allowed)
        if not self.low <= value <= self.high or (self.integer and value != int(value)):
            raise ValueError(self.allowed)
        return int(value) if self.integer else float(value)


@dataclass(frozen=True)
class TokenIds:
    """One token id, or several when `many`, or one of the words. Ids above the vocabulary are the model's to refuse."""

    words: tuple[str, ...]
    many: bool = False

    @property
    def allowed(self) -> str:
        return ", ".join((*self.words, "token ids >= 0" if self.many else "a token id >= 0"))

    def check(self, value: Any) -> Any:
        if isinstance(value, str) and value in self.words:
            return value
        if self.many:
            ids = (value,) if isinstance(value, int) else value
            if isinstance(ids, list | tuple) and ids and all(self._is_id(part) for part in ids):
                return tuple(ids)
        elif self._is_id(value):
            return value
        raise ValueError(self.allowed)

    @staticmethod
    def _is_id(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0


@dataclass(frozen=True)
class Names:
    """Any number of names, as a tuple without repeats, or one of the words. `pattern`: what one name may look like."""

    words: tuple[str, ...]
    pattern: str = r"[A-Za-z0-9_.*-]+"

    @property
    def allowed(self) -> str:
        return ", ".join((*self.words, "names such as down_proj or layers.0.mlp"))

    def check(self, value: Any) -> Any:
        if isinstance(value, str):
            if value in self.words:
                return value
            value = [part for part in re.split(r"[\s,]+", value) if part]
        if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
            names = tuple(dict.fromkeys(value))
            if names and all(re.fullmatch(self.pattern, name) for name in names):
                return names
        raise ValueError(self.allowed)


@dataclass(frozen=True)
class Texts:
    """Up to `most` texts of up to `longest` characters, as a tuple without repeats; none is the empty tuple."""

    most: int = 16
    longest: int = 200
    words: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        return (
            f"up to {self.most} texts of 1 to {self.longest} characters: a text as it is, or a JSON list such as "
            r'["\n\n", "END"]'
        )

    def check(self, value: Any) -> tuple[str, ...]:
        texts = (value,) if isinstance(value, str) else value
        if isinstance(texts, list | tuple) and all(isinstance(part, str) for part in texts):
            found = tuple(dict.fromkeys(texts))
            if len(found) <= self.most and all(self._usable(part) for part in found):
                return found
        raise ValueError(self.allowed)

    def _usable(self, part: str) -> bool:
        return 0 < len(part) <= self.longest and not any("\ud800" <= letter <= "\udfff" for letter in part)


Kind = Choice | Toggle | Number | TokenIds | Names | Texts | Budgets


def parse(kind: Kind, text: str) -> Any:
    """The value that `text` (from a command line or a text field) stands for; ValueError says what is allowed."""
    if isinstance(kind, Texts):
        return _texts(kind, text)
    text = text.strip()
    if isinstance(kind, Toggle):
        words = {
            "true": True,
            "yes": True,
            "on": True,
            "1": True,
            "false": False,
            "no": False,
            "off": False,
            "0": False,
        }
        if text.lower() not in words:
            raise ValueError(kind.allowed)
        return words[text.lower()]
    if isinstance(kind, Choice | Names | Budgets) or text in kind.words:
        return kind.check(text)
    try:
        if isinstance(kind, TokenIds):
            ids = [int(part) for part in re.split(r"[\s,]+", text) if part]
            return kind.check(ids if kind.many else ids[0])
        return kind.check(float(text))
    except (ValueError, IndexError):
        raise ValueError(kind.allowed) from None


def written(kind: Kind, value: Any) -> str:
    """`value` as `parse` reads it back."""
    if isinstance(kind, Texts):
        return json.dumps(list(value), ensure_ascii=False)
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _texts(kind: Texts, text: str) -> tuple[str, ...]:
    """A JSON list or string where it looks like one, which is how a new line or a space at an end is written."""
    if not text.strip():
        return ()
    if text.lstrip()[0] not in '["':
        return kind.check(text.strip())
    try:
        return kind.check(json.loads(text))
    except ValueError:
        raise ValueError(kind.allowed) from None
