"""Pickle-only checkpoints: converted to safetensors once, in a throw-away process, after an explicit yes.

`WORKBENCH_HOME/models/converted/<name>-<hash8>/` keeps the copy with the checksums of what it was made from. Nothing
here opens a pickle: `workbench.engine.convert` does, in a process with a bare environment.
"""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from workbench.catalog import integrity
from workbench.catalog.sources import Source, weights_in
from workbench.errors import ModelError
from workbench.home import home
from workbench.hub.convert_child import run_child
from workbench.probes.context import Context
from workbench.words import Message, say

MANIFEST = "workbench-conversion.json"
SCHEMA = "workbench.conversion/1"
_SINGLE = "pytorch_model.bin"
_BESIDE = (".json", ".txt", ".model", ".jinja", ".tiktoken", ".md")  # what is copied; never code
_BESIDE_NAMES = ("LICENSE", "NOTICE", "README")
_MARGIN_BYTES = 32 * 2**20
_LOCK_POLL_S = 0.1
_BLOCK = 4 * 2**20
_SAMPLES, _SAMPLE_BYTES = 16, 65536


@dataclass(frozen=True)
class Pickles:
    """A folder whose weights are pickles.

    pairs    pickle -> the safetensors file that it becomes
    sharded  whether an index is due
    tied     whether config.json says that the output head is the embedding
    """

    folder: Path
    name: str
    pairs: dict[str, str]
    sharded: bool
    tied: bool

    @property
    def bytes(self) -> int:
        return sum((self.folder / file).stat().st_size for file in self.pairs)

    @property
    def beside(self) -> list[Path]:
        """Configuration, tokenizer and licence."""
        return [
            file
            for file in sorted(self.folder.iterdir())
            if file.is_file()
            and (file.suffix in _BESIDE or file.name.startswith(_BESIDE_NAMES))
            and not file.name.endswith(".index.json")
        ]


def as_safetensors(source: Source, context: Context | None = None, *, allow_pickle: bool = False) -> Source:
    """`source` with its weights as safetensors: a copy made earlier, or made now (needs `context`) when allowed.

    ModelError "model.pickle_only" says how to allow it.
    """
    assert source.path is not None, "a pickle lies on this disk"
    pickles = examine(source.path, source.name if source.kind == "hub" else source.path.resolve().name)
    folder = default_target(pickles)
    if not is_made(folder, pickles):
        if not allow_pickle or context is None:
            first = next(iter(pickles.pairs))
            raise ModelError("model.pickle_only", name=source.name, file=first, path=str(source.path))
        folder = convert(pickles, context)
    return source.model_copy(update={"path": folder, "kind": "hub" if source.kind == "hub" else "directory"})


def examine(folder: Path, name: str) -> Pickles:
    """What would be converted. ModelError: parts are missing, or it is no checkpoint that transformers would load."""
    config = integrity.check_config(folder, name)
    integrity.check_texts(folder, name)
    index = folder / integrity.PICKLE_INDEX
    if (folder / _SINGLE).is_file():
        pairs = {_SINGLE: integrity.WEIGHTS}
    elif index.is_file():
        parts = sorted(set(integrity.check_shards(folder, index, name).values()))
        pairs = {part: f"model-{at:05d}-of-{len(parts):05d}.safetensors" for at, part in enumerate(parts, 1)}
    else:
        raise ModelError("convert.foreign_layout", name=name, file=weights_in(folder)[1] or "-")
    for file in pairs:
        integrity.sniff(folder / file, name)
    return Pickles(folder, name, pairs, _SINGLE not in pairs, config.get("tie_word_embeddings") is True)


def default_target(pickles: Pickles) -> Path:
    return home() / "models" / "converted" / f"{pickles.name.rpartition('/')[2]}-{identity(pickles)[:8]}"


def identity(pickles: Pickles) -> str:
    """Tells this checkpoint from others without reading it whole: names, sizes, times, samples, and config.json."""
    digest = hashlib.sha256((pickles.folder / "config.json").read_bytes())
    for file in pickles.pairs:
        path = pickles.folder / file
        status = path.stat()
        digest.update(json.dumps([file, status.st_size, status.st_mtime_ns]).encode())
        with path.open("rb") as stream:
            for at in range(_SAMPLES):
                stream.seek(max(status.st_size - _SAMPLE_BYTES, 0) * at // (_SAMPLES - 1))
                digest.update(stream.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def is_made(folder: Path, pickles: Pickles) -> bool:
    """Whether `folder` holds the whole conversion of `pickles`."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        whole = all((folder / name).stat().st_size == entry["bytes"] for name, entry in manifest["files"].items())
        return whole and manifest["schema"] == SCHEMA and manifest["identity"] == identity(pickles)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # none, or another's
        return False


def convert(pickles: Pickles, context: Context, target: Path | None = None) -> Path:
    """Converts `pickles` into `target` (default: in the home directory) and returns it; finds what was made before.

    Two processes at once: one converts, the other waits. Whatever ends this early leaves nothing half-written.

    ModelError: not enough disk, not writable, `target` holds something else, a pickle that asks for more than tensors.
    Stopped.
    """
    folder = target or default_target(pickles)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder, say("phase.waiting_for_conversion", name=pickles.name), context):
            if is_made(folder, pickles):
                return folder
            if target is not None and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
                raise ModelError("convert.target_taken", path=str(folder))
            context.enter(say("phase.converting", name=pickles.name))
            _make(pickles, folder, context)
    except OSError as error:
        problem = f"{type(error).__name__}: {error.strerror or error}"
        raise ModelError("convert.not_writable", path=str(error.filename or folder), problem=problem) from error
    return folder


@contextlib.contextmanager
def locked(folder: Path, waiting_for: Message, context: Context) -> Iterator[None]:
    """One process at a time makes `folder`; the others say what they wait for, and notice Stop."""
    lock = FileLock(folder.with_name(f".{folder.name}.lock"))
    waiting = False
    while True:
        try:
            lock.acquire(timeout=_LOCK_POLL_S)
            break
        except Timeout:
            if not waiting:
                context.enter(waiting_for)
            waiting = True
            context.check()
    try:
        yield
    finally:
        lock.release()


def _make(pickles: Pickles, folder: Path, context: Context) -> None:
    for stale in folder.parent.glob(f"{folder.name}.*.tmp"):  # of a killed conversion; we hold the lock
        shutil.rmtree(stale)
    needed = pickles.bytes + sum(file.stat().st_size for file in pickles.beside) + _MARGIN_BYTES
    free = shutil.disk_usage(folder.parent).free
    if free < needed:
        raise ModelError("convert.disk_full", path=str(folder.parent), needed=_mb(needed), free=_mb(free))
    before = identity(pickles)
    unfinished = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
    unfinished.mkdir()
    try:
        total, done = 3 * pickles.bytes, 0  # each byte is hashed, converted, and hashed again as written
        sources = {}
        for file in pickles.pairs:
            sources[file], done = checksum(pickles.folder / file, context, done, total)
        answer = run_child(pickles, unfinished, context, done, total)
        done += pickles.bytes
        for beside in pickles.beside:
            shutil.copyfile(beside, unfinished / beside.name)
        if pickles.sharded:
            index = {"metadata": {"total_size": answer["total_size"]}, "weight_map": answer["placed"]}
            (unfinished / integrity.INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")
        integrity.check(unfinished, name=pickles.name)
        written = {}
        for path in sorted(unfinished.iterdir()):
            written[path.name], done = checksum(path, context, done, total)
        if identity(pickles) != before:
            raise ModelError("convert.altered", file=", ".join(pickles.pairs))
        manifest = {
            "schema": SCHEMA,
            "versions": {package: version(package) for package in ("torch", "safetensors")},
            "identity": before,
            "source": sources,
            "files": written,
        }
        (unfinished / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        if folder.exists():  # damaged, or the empty folder that was named
            shutil.rmtree(folder)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def checksum(path: Path, context: Context, done: int, total: int) -> tuple[dict[str, Any], int]:
    """(size and checksum of a file, bytes done with it)."""
    digest, size = hashlib.sha256(), 0
    message = say("convert.hashing", file=path.name)
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
            size += len(block)
            context.progress(message, _mb(min(done + size, total)), _mb(total))
    return {"bytes": size, "sha256": digest.hexdigest()}, min(done + size, total)


def _mb(count: int) -> int:
    return round(count / 1e6)
