"""KV caches of prefixes in the home's artifacts: described beside, and checked whole before they are used."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from workbench.errors import StoreError
from workbench.results import SavedPrefix
from workbench.runs.artifacts import artifact, write_artifact
from workbench.words.format import size

MOST_BYTES = 2 * 2**30  # of one cache, unless more is asked for


def file_name(name: str) -> str:
    """Of the tensors. StoreError when `name` is not a plain file name."""
    return artifact(f"prefix-{name}.safetensors").name


def describe(saved: SavedPrefix) -> None:
    """From now on the tensors on disk count. StoreError."""
    write_artifact(f"prefix-{saved.name}.json", saved.to_json().encode())


def hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find(name: str) -> tuple[SavedPrefix, Path]:
    """The cache of that name, its bytes those that were written. StoreError: none, cut short or changed."""
    path, description = artifact(file_name(name)), artifact(f"prefix-{name}.json")
    if not description.exists():
        raise StoreError("prefix.none", name=name, known=", ".join(names()) or "-")
    try:
        saved = SavedPrefix.from_json(description.read_text(encoding="utf-8"))
        found = path.stat().st_size
        if found != saved.bytes:
            raise StoreError("prefix.cut_short", name=name, found=size(found), expected=size(saved.bytes))
        if hash_of(path) != saved.sha256:
            raise StoreError("prefix.changed", name=name)
    except (UnicodeDecodeError, ValidationError) as error:
        raise StoreError("prefix.changed", name=name) from error
    except OSError as error:
        raise StoreError("runs.artifact_failed", name=path.name, problem=error.strerror or str(error)) from error
    return saved, path


def names() -> list[str]:
    """Of all caches that are kept."""
    folder = artifact("prefix-").parent
    return sorted(file.stem.removeprefix("prefix-") for file in folder.glob("prefix-*.json"))


def differing(saved: Mapping[str, str], now: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """What of the identity is not the same -> (when it was saved, now)."""
    every = dict.fromkeys((*saved, *now))
    return {part: (saved.get(part, "-"), now.get(part, "-")) for part in every if saved.get(part) != now.get(part)}
