"""Memory by device, as people write it ("0=20GiB,cpu=64GiB") and as transformers takes it ({0: …, "cpu": …}, bytes)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_UNITS = {
    "GIB": 2**30,
    "GB": 10**9,
    "MIB": 2**20,
    "MB": 10**6,
    "KIB": 2**10,
    "KB": 10**3,
    "B": 1,
}
_SHOWN = {"GIB": "GiB", "MIB": "MiB", "KIB": "KiB"}
_ENTRY = re.compile(
    r"(?P<place>cuda:\d{1,3}|\d{1,3}|cpu)\s*=\s*(?P<size>\d{1,15}(?:\.\d{1,6})?)\s*(?P<unit>[KMG]?i?B)?", re.I
)
_MOST = 2**60  # bytes


@dataclass(frozen=True)
class Budgets:
    """Bytes by place: a GPU's number, or cpu. A tuple of "place=size", GPUs first, each place once; or a word.

    Also taken: one text with commas, a mapping of place to text or bytes. The size is a whole number in its unit
    afterwards: 1.5GiB becomes 1536MiB.
    """

    words: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        return ", ".join((*self.words, "memory by GPU number or cpu, such as 0=20GiB,1=20GiB,cpu=64GiB"))

    def check(self, value: Any) -> Any:
        if isinstance(value, str):
            if value in self.words:
                return value
            value = [part for part in re.split(r"[,;]", value) if part.strip()]
        if isinstance(value, Mapping):
            value = [f"{place}={size}" for place, size in value.items()]
        if not isinstance(value, list | tuple) or not value or not all(isinstance(part, str) for part in value):
            raise ValueError(self.allowed)
        found: dict[int | str, int] = {}
        for part in value:
            place, size = self._entry(part)
            if place in found:
                raise ValueError(self.allowed)
            found[place] = size
        return written(found)

    def _entry(self, part: str) -> tuple[int | str, int]:
        match = _ENTRY.fullmatch(part.strip())
        if match is None or not part.isascii():
            raise ValueError(self.allowed)
        size = float(match["size"]) * _UNITS[(match["unit"] or "B").upper()]
        exact = int(match["size"]) * _UNITS[(match["unit"] or "B").upper()] if match["size"].isdigit() else int(size)
        if not 0 <= exact <= _MOST:
            raise ValueError(self.allowed)
        place = match["place"].lower().removeprefix("cuda:")
        return (place if place == "cpu" else int(place)), exact


def written(budgets: Mapping[int | str, int]) -> tuple[str, ...]:
    """Bytes by place as a knob holds them: GPUs by number, then cpu."""
    ordered = sorted(budgets.items(), key=lambda item: (isinstance(item[0], str), item[0]))
    return tuple(f"{place}={_size(size)}" for place, size in ordered)


def budgets_of(value: Any) -> dict[int | str, int] | None:
    """The knob's value as `max_memory` of `from_pretrained`: bytes by place; None: left to the library."""
    if isinstance(value, str):
        return None
    parts = (str(each).partition("=") for each in value)
    return {(place if place == "cpu" else int(place)): _bytes(size) for place, _equals, size in parts}


def _bytes(size: str) -> int:
    digits = size.rstrip("KMGiB")
    return int(digits) * _UNITS[size[len(digits) :].upper()]


def _size(size: int) -> str:
    for unit, factor in _UNITS.items():
        if size and size % factor == 0:
            return f"{size // factor}{_SHOWN.get(unit, unit)}"
    return f"{size}B"
