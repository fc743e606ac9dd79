"""The caches of models on this machine, and where in them a hub id lies. Nothing is written, no client is imported.

huggingface  the hub client's own: HF_HUB_CACHE, else HF_HOME/hub, else ~/.cache/huggingface/hub
modelscope   ModelScope's own: MODELSCOPE_CACHE, else ~/.cache/modelscope
shared       WORKBENCH_SHARED_MODELS: folders (separated as in PATH) that are only read; each is a cache of one of the
             two kinds or a folder of model folders (owner/name or name)

Layouts: huggingface_hub 2.4 (models--owner--name/{refs,snapshots,trees}), modelscope_hub 0.5
(models/owner--name/snapshots/<revision>) and the modelscope package before it (models/owner/name, dots as ___).
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from workbench.errors import ModelError
from workbench.hub.choice import RemoteFile, needed

SHARED = "WORKBENCH_SHARED_MODELS"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_BRANCHES = {"huggingface": ("main",), "modelscope": ("master", "main")}
_WEIGHTS = (".safetensors", ".gguf", ".bin")


@dataclass(frozen=True)
class Cache:
    """`writable`: whether a download may go there; never a shared one."""

    kind: Literal["huggingface", "modelscope", "shared"]
    path: Path
    writable: bool


def caches() -> list[Cache]:
    """In the order in which they are asked. A path may not exist yet."""
    own: list[Cache] = []
    for kind, path in (("huggingface", huggingface_cache()), ("modelscope", modelscope_cache())):
        own.append(Cache(kind, path, _writable(path)))  # type: ignore[arg-type]  # the two literals above
    shared = [word for word in os.environ.get(SHARED, "").split(os.pathsep) if word.strip()]
    return own + [Cache("shared", Path(word).expanduser(), writable=False) for word in shared]


def huggingface_cache(environment: Mapping[str, str] | None = None) -> Path:
    """As huggingface_hub.constants finds it when it is imported; read anew, since a notebook may set it later."""
    given = os.environ if environment is None else environment
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if given.get(name):
            return _expanded(given[name])
    if given.get("HF_HOME"):
        return _expanded(given["HF_HOME"]) / "hub"
    return _expanded(given.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface" / "hub"


def modelscope_cache() -> Path:
    """As modelscope_hub.config finds it."""
    return _expanded(os.environ.get("MODELSCOPE_CACHE") or "~/.cache/modelscope")


def locate(name: str, revision: str | None = None) -> Path | None:
    """The folder of a complete copy of hub id `name` at `revision` (default: the main branch), or None.

    A copy that lacks a file it needs is passed over: the next cache, or a download, may have all of it.
    """
    for cache in caches():
        for folder in candidates(cache, name, revision):
            if complete(folder):
                return folder
    return None


def candidates(cache: Cache, name: str, revision: str | None) -> Iterator[Path]:
    """Folders of `cache` that may hold `name`, the likeliest first; each exists."""
    if ".." in Path(revision or "").parts or ".." in Path(name).parts:
        return
    found: list[Path | None] = []
    if cache.kind in ("huggingface", "shared"):
        found += [_snapshot(root / _repository(name), revision) for root in (cache.path, cache.path / "hub")]
    if cache.kind in ("modelscope", "shared"):
        found += _modelscope(cache.path, name, revision)
    if cache.kind == "shared" and revision is None:  # such a folder does not say which revision it is
        found += [cache.path / name, cache.path / name.rpartition("/")[2]]
    yield from (folder for folder in found if folder is not None and folder.is_dir())


def commit_of(folder: Path) -> str | None:
    """The commit of a snapshot folder, where its cache records it."""
    return folder.name if _COMMIT.fullmatch(folder.name) and folder.parent.name == "snapshots" else None


def complete(folder: Path) -> bool:
    """Whether every file that the model needs is in `folder` (their content is not read)."""
    listed = _listing(folder)
    if listed is not None:
        try:
            wanted = needed(listed, folder.name, allow_pickle=True)
        except ModelError:
            return False
        return all(_bytes(folder / file.path) == file.bytes for file in wanted)
    try:
        names = {file.name for file in folder.iterdir() if file.is_file()}  # a broken link is no file
    except OSError:  # not ours to read
        return False
    if any(name.endswith(".incomplete") for name in names):  # ModelScope's client writes beside the finished files
        return False
    for index in (name for name in names if name.endswith(".index.json")):
        if not _indexed(folder / index) <= names:
            return False
    weights = [name for name in names if name.endswith(_WEIGHTS)]
    return bool(weights) and ("config.json" in names or any(name.endswith(".gguf") for name in weights))


def _snapshot(repository: Path, revision: str | None) -> Path | None:
    """What `revision` leads to in one repository of a Hugging Face cache."""
    wanted = revision or _BRANCHES["huggingface"][0]
    try:
        commit = (repository / "refs" / wanted).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        commit = wanted
    return repository / "snapshots" / commit


def _modelscope(root: Path, name: str, revision: str | None) -> list[Path | None]:
    branches = (revision,) if revision else _BRANCHES["modelscope"]
    folders: list[Path | None] = [
        root / "models" / name.replace("/", "--") / "snapshots" / branch for branch in branches
    ]
    if revision in (None, *_BRANCHES["modelscope"]) and "/" in name:  # the older layout keeps one revision
        owner, _, model = name.partition("/")
        folders += [root / below / owner / model.replace(".", "___") for below in ("models", "hub/models", "hub", ".")]
    return folders


def _repository(name: str) -> str:
    return "models--" + name.replace("/", "--")


def _listing(folder: Path) -> list[RemoteFile] | None:
    """The repository's files at this commit, where the hub client kept the list beside its snapshots."""
    try:
        entries = json.loads((folder.parents[1] / "trees" / f"{folder.name}.json").read_text(encoding="utf-8"))
        return [
            RemoteFile(path, entry.get("lfs_size") or entry["size"], entry.get("lfs_sha256"), entry["blob_id"])
            for path, entry in entries["files"].items()
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
        return None  # another layout, or a format of another release: the folder has to speak for itself


def _indexed(index: Path) -> set[str]:
    """The files that an index names; none when it cannot be read, which the check before the load will say."""
    try:
        document: Any = json.loads(index.read_text(encoding="utf-8"))
        return set(document["weight_map"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return set()


def _bytes(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _writable(path: Path) -> bool:
    existing = next((folder for folder in (path, *path.parents) if folder.exists()), None)
    return existing is not None and os.access(existing, os.W_OK)


def _expanded(path: str) -> Path:
    return Path(os.path.expandvars(path)).expanduser()
