"""Stored references: found by what they are of, checked before they are used, and kept within a budget of bytes.

A reference is two artifacts: the logits (`reference-<key>.safetensors`) and what they are (`reference-<key>.json`),
written in this order. Logits without a description are unfinished.
"""

import contextlib
import hashlib
import json
import time
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from workbench.errors import StoreError
from workbench.results import Reference
from workbench.runs.artifacts import artifact, write_artifact
from workbench.words import Message, say
from workbench.words.format import size

BUDGET_BYTES = 2 * 2**30  # of all references together; the one used longest ago goes first
MOST_BYTES = 256 * 2**20  # of one reference's logits; above it only the most likely tokens are kept
MOST_KEPT = 8192  # of a position: beyond it the rest is negligible, and sorting it out takes long
_PAIR_BYTES = 6  # of a token's number (int32) and its log-probability (float16)
_LOGP_BYTES = 2
_ABANDONED_S = 24 * 3600.0
_BEGINNING = "reference-"


def key_of(parts: Any) -> str:
    """Of everything that decides the logits, as plain data."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


def kept_of(positions: int, vocabulary: int) -> int:
    """How many tokens of each position are stored; 0: all."""
    if positions * vocabulary * _LOGP_BYTES <= MOST_BYTES:
        return 0
    return min(MOST_KEPT, max(MOST_BYTES // (positions * _PAIR_BYTES), 1), vocabulary - 1)


def file_bytes(positions: int, vocabulary: int) -> int:
    """About how much the file takes."""
    most = kept_of(positions, vocabulary)
    return positions * (most * _PAIR_BYTES if most else vocabulary * _LOGP_BYTES)


def logits_name(key: str) -> str:
    return f"{_BEGINNING}{key}.safetensors"


def find(key: str) -> tuple[Reference | None, Message | None]:
    """The reference of `key`, whole; else None, and what was wrong with the one that lay there."""
    description = artifact(f"{_BEGINNING}{key}.json")
    if not description.exists():
        return None, None
    try:
        reference = Reference.from_json(description.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError):
        return None, say("quality.bad_manifest")
    path = artifact(logits_name(key))
    problem = _problem(path, reference)
    if problem is not None:
        return None, problem
    with contextlib.suppress(OSError):  # a read-only home: its references are never pruned either
        description.touch()
    return reference, None


def keep(key: str, reference: Reference) -> None:
    """Describes logits that are on disk; from now on they count. Others are pruned. StoreError."""
    write_artifact(f"{_BEGINNING}{key}.json", reference.to_json().encode())
    prune(BUDGET_BYTES, spared=key)


def prune(budget_bytes: int, *, spared: str = "") -> list[str]:
    """Removes references until all take at most so many bytes, the one used longest ago first; the keys removed.

    `spared` stays whatever it takes. Logits that nothing describes go too, once no process can still be writing them.
    """
    folder = artifact(_BEGINNING).parent
    described = sorted(folder.glob(f"{_BEGINNING}*.json"), key=_used, reverse=True)
    keys = sorted((path.stem.removeprefix(_BEGINNING) for path in described), key=lambda key: key != spared)
    total, gone = 0, []
    for key in keys:
        total += _bytes(artifact(logits_name(key)))
        if total > budget_bytes and key != spared:
            gone.append(key)
            total -= _remove(key)
    for path in folder.glob(f"{_BEGINNING}*.safetensors"):
        key = path.stem.removeprefix(_BEGINNING)
        if key not in keys and time.time() - _used(path) > _ABANDONED_S:
            _remove(key)
            gone.append(key)
    return gone


def _remove(key: str) -> int:
    """The description first: logits without one count as unfinished."""
    path = artifact(logits_name(key))
    freed = _bytes(path)
    artifact(f"{_BEGINNING}{key}.json").unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    return freed


def _problem(path: Path, reference: Reference) -> Message | None:
    try:
        found = path.stat().st_size
        if found != reference.bytes:
            return say("quality.cut_short", found=size(found), expected=size(reference.bytes))
        with path.open("rb") as file:
            same = hashlib.file_digest(file, "sha256").hexdigest() == reference.sha256
    except FileNotFoundError:
        return say("quality.no_file")
    except OSError as error:
        raise StoreError("runs.artifact_failed", name=path.name, problem=error.strerror or str(error)) from error
    return None if same else say("quality.changed")


def _used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
