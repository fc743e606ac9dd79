"""Reading the catalogue's data files, in which a value is `[value, key of its source]`."""

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Fact:
    """One value and where it was read."""

    value: Any
    source: str


def read(name: str) -> tuple[dict[str, str], dict[str, Any]]:
    """(sources, entries) of one data file."""
    document = json.loads((Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8"))
    return document["sources"], document[name]


def nearest(word: str, known: Iterable[str]) -> str:
    """The known name that `word` most likely means, or "-"."""
    names = list(known)
    begun = [name for name in names if word and name.startswith(word.lower())]
    close = begun[:1] or difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.4)
    return close[0] if close else "-"
