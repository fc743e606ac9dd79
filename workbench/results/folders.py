"""Names that are paths of a person's own, and what of them may be kept."""

import os.path
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_NAMED = ("assistant_model",)  # fields of configs and of changes to them


def is_path(name: str) -> bool:
    """Whether a model's name leads to this disk."""
    return name.startswith((".", "~", "/", "\\")) or "\\" in name or name.count("/") > 1 or os.path.exists(name)


def label(path: Path) -> str:
    """What tells a folder, or the folder of a .gguf file, from others without the folders that lead to it."""
    return (path.parent if path.suffix == ".gguf" and path.is_file() else path).name


def without_folders(record: Any) -> Any:
    """JSON's values, where a model that is named by its path has its label for a name, in sentences too."""
    places = sorted(set(_paths(record)), key=len, reverse=True)
    if not places:
        return record
    # whole, not the beginning or the end of a longer one
    pattern = re.compile("|".join(rf"(?<![\w./\\-]){re.escape(place)}(?![\w/\\-])" for place in places))

    def named(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: _labelled(each) if key in _NAMED else named(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [named(each) for each in value]
        return pattern.sub(lambda found: _labelled(found[0]), value) if isinstance(value, str) else value

    return named(record)


def _paths(value: Any, *, names: bool = False) -> Iterator[str]:
    """Those in the fields that name a model."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _paths(each, names=key in _NAMED)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _paths(each, names=names)
    elif names and isinstance(value, str) and is_path(value):
        yield value


def _labelled(value: Any) -> Any:
    """Of a field, or of its old and new value."""
    if isinstance(value, list | tuple):
        return [_labelled(each) for each in value]
    return label(Path(os.path.expanduser(value))) if isinstance(value, str) and is_path(value) else value
