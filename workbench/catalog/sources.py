"""Where a model name leads: the demo, a random model, a local directory or file, or a hub id. Nothing is loaded."""

import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from workbench.catalog.local import local_model
from workbench.errors import ModelError
from workbench.home import home
from workbench.results.folders import is_path, label

DEMO_NAME = "SmolLM2-135M-Instruct"
Kind = Literal["demo", "random", "directory", "gguf", "pickle", "hub"]
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+|[\w.-]+")
# what tells the kind of a folder, the safest first: one that has several loads as the first of them
_SIGNS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    ("directory", ("*.safetensors", "*.safetensors.index.json")),
    ("gguf", ("*.gguf",)),
    ("pickle", ("pytorch_model*.bin", "*.bin.index.json", "*.pt", "*.pth", "*.ckpt", "*.bin")),
)


class Source(BaseModel):
    """`path` is set for what lies on this disk; `gguf_file` names the file inside it when the weights are GGUF.

    A source of kind "pickle" is not loaded: `hub.prepare` converts it or refuses it.
    revision: as it was asked for; commit: what that led to, where a cache records it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Kind
    path: Path | None = None
    gguf_file: str | None = None
    revision: str | None = None
    commit: str | None = None

    @property
    def location(self) -> str:
        """What `from_pretrained` takes."""
        return str(self.path) if self.path else self.name

    @property
    def label(self) -> str:
        """The name without the folders that lead to it: safe to store."""
        if self.kind == "demo":
            return DEMO_NAME
        return label(self.path) if self.path and self.kind != "hub" else self.name


def stored_name(model: str) -> str:
    """What records call the model that is opened by this name."""
    if model == "demo":
        return DEMO_NAME
    return label(Path(model).expanduser()) if is_path(model) else model


def opened_by(stored: str) -> str | None:
    """What opens the model that a record names; None: it lies in a folder, and records do not tell which."""
    if stored in ("demo", DEMO_NAME):
        return "demo"
    return stored if stored.startswith("random:") or stored.count("/") == 1 else None


def demo_folder() -> Path | None:
    """Where the demo model lies since its conversion, which is made when it is opened first."""
    folders = (home() / "models").glob(f"{DEMO_NAME}-????????")
    made = [folder for folder in folders if (folder / "config.json").is_file()]
    return max(made, key=lambda folder: folder.stat().st_mtime, default=None)


def needs_hub(name: str) -> bool:
    """Whether loading `name` may reach for the network: not for the demo, local and random models."""
    return name != "demo" and not name.startswith("random:") and not is_path(name)


def find(name: str, revision: str | None = None) -> Source:
    """The source that `name` stands for. ModelError when it is no model, or one that may not be loaded."""
    if not isinstance(name, str) or not name.strip():
        raise ModelError("model.bad_name", name=repr(name))
    if name == "demo" or name.startswith("random:"):
        return Source(name=name, kind="demo" if name == "demo" else "random")
    if is_path(name):
        return _local(name, Path(name).expanduser())
    if not _HUB_ID.fullmatch(name):
        raise ModelError("model.bad_name", name=repr(name))
    return Source(name=name, kind="hub", revision=revision)


def _local(name: str, path: Path) -> Source:
    if path.is_file() and path.suffix == ".gguf":
        return Source(name=name, kind="gguf", path=path.parent, gguf_file=path.name)
    kind, file = weights_in(path)
    if kind is None:
        local_model(name)  # says what is missing
    return Source(name=name, kind=kind or "directory", path=path, gguf_file=file if kind == "gguf" else None)


def weights_in(folder: Path) -> tuple[Kind | None, str]:
    """What kind of weights lie in `folder`, and the first file that tells it; (None, "") when there are none."""
    for kind, patterns in _SIGNS:
        for pattern in patterns:
            if found := sorted(file.name for file in folder.glob(pattern)):
                return kind, found[0]
    return None, ""
