"""Names that are paths of a person's own, and what of them may be kept."""

import os.path
from pathlib import Path
from typing import Any

_NAMED = ("assistant_model",)  # fields of configs and of changes to them


def is_path(name: str) -> bool:
    """Whether a model's name leads to this disk."""
    return name.startswith((".", "~", "/", "\\")) or "\\" in name or name.count("/") > 1 or os.path.exists(name)


def label(path: Path) -> str:
    """What tells a folder, or the folder of a .gguf file, from others without the folders that lead to it."""
    return (path.parent if path.suffix == ".gguf" and path.is_file() else path).name


def without_folders(value: Any) -> Any:
    """JSON's values, where a model that is named by its path is named by its label."""
    if isinstance(value, dict):
        return {key: _labelled(each) if key in _NAMED else without_folders(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_folders(each) for each in value]
    return value


def _labelled(value: Any) -> Any:
    """Of a field, or of its old and new value."""
    if isinstance(value, list | tuple):
        return [_labelled(each) for each in value]
    return label(Path(os.path.expanduser(value))) if isinstance(value, str) and is_path(value) else value
