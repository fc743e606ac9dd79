"""The names of arguments that transformers knows, by function: a file that `tools/pasted_arguments.py` writes."""

import json
from functools import cache
from pathlib import Path

from workbench.catalog.data import nearest


@cache
def _read() -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads(Path(__file__).with_name("arguments.json").read_text(encoding="utf-8"))
    return found


def version() -> str:
    """Of the transformers that the names were read from."""
    return str(_read()["transformers"])


@cache
def names(*functions: str) -> frozenset[str]:
    """The arguments that these know together."""
    return frozenset(name for function in functions for name in _read()[function])


@cache
def closest(name: str, *functions: str) -> str:
    """The known argument that `name` most likely means, or "-"."""
    return nearest(name, sorted(names(*functions)))


def sure(name: str, near: str) -> bool:
    """Whether `near` is `name` with a letter or two more, less or other: safe to write in its place."""
    short, long = sorted((name, near), key=len)
    if len(long) - len(short) > 2 or len(short) < 5:
        return False
    same = sum(one == other for one, other in zip(short, long, strict=False))
    back = sum(one == other for one, other in zip(reversed(short), reversed(long), strict=False))
    return min(same + back, len(short)) >= len(long) - 2
