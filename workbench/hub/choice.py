"""Which files of a repository a model needs: one kind of weights, its config and its tokenizer, and nothing else."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from workbench.errors import ModelError
from workbench.words.format import size

# what transformers writes; other names (consolidated.safetensors, model.fp16.safetensors) hold the same weights again
_STANDARD = re.compile(r"model(-\d+-of-\d+)?\.safetensors")
_PICKLE = re.compile(r"pytorch_model(-\d+-of-\d+)?\.bin")
_INDEX = {"safetensors": ".safetensors.index.json", "pickle": ".bin.index.json"}
_SMALL = (".json", ".jinja", ".txt", ".model", ".tiktoken")
_TEMPLATES = "additional_chat_templates"  # the one folder below a model that transformers reads
_SHOWN = 5


@dataclass(frozen=True)
class RemoteFile:
    """One file of a repository. sha256: of its content, for large files; blob: its git object id, for small ones."""

    path: str
    bytes: int
    sha256: str | None = None
    blob: str | None = None

    @property
    def etag(self) -> str | None:
        """What the hub and its cache call this content."""
        return self.sha256 or self.blob


def needed(files: Iterable[RemoteFile], name: str, *, allow_pickle: bool = False) -> list[RemoteFile]:
    """The files of repository `name` to have on disk, largest first.

    safetensors before GGUF before pickles; code (.py) and copies in folders (original/, onnx/) are left out.
    ModelError: no weights, several GGUF files, or pickles alone without `allow_pickle`.
    """
    roots = [file for file in files if "/" not in file.path or PurePosixPath(file.path).parts[0] == _TEMPLATES]
    kind, weights = _weights(roots, name, allow_pickle)
    unused = tuple(index for other, index in _INDEX.items() if other != kind)
    small = [file for file in roots if file.path.endswith(_SMALL) and not file.path.endswith(unused)]
    return sorted([*weights, *small], key=lambda file: (-file.bytes, file.path))


def _weights(files: list[RemoteFile], name: str, allow_pickle: bool) -> tuple[str, list[RemoteFile]]:
    safetensors = [file for file in files if file.path.endswith(".safetensors")]
    if safetensors:
        return "safetensors", [file for file in safetensors if _STANDARD.fullmatch(file.path)] or safetensors
    ggufs = [file for file in files if file.path.endswith(".gguf")]
    if len(ggufs) == 1:
        return "gguf", ggufs
    if ggufs:
        smallest = sorted(ggufs, key=lambda file: file.bytes)
        listed = ", ".join(f"{file.path} ({size(file.bytes)})" for file in smallest[:_SHOWN])
        more = len(ggufs) - _SHOWN
        raise ModelError(
            "hub.many_ggufs", name=name, files=f"{listed} …" if more > 0 else listed, first=smallest[0].path
        )
    pickles = [file for file in files if _PICKLE.fullmatch(file.path)]
    if not pickles:
        raise ModelError(
            "hub.no_weights", name=name, found=", ".join(file.path for file in files[:_SHOWN]) or "nothing"
        )
    if not allow_pickle:
        raise ModelError(
            "hub.pickle_only", name=name, file=pickles[0].path, size=size(sum(file.bytes for file in pickles))
        )
    return "pickle", pickles
