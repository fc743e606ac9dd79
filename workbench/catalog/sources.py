"""Where a model name leads: the demo, a random model, a local directory or file, or a hub id. Nothing is loaded."""

import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from workbench.catalog.local import local_model
from workbench.errors import ModelError

DEMO_NAME = "SmolLM2-135M-Instruct"
Kind = Literal["demo", "random", "directory", "gguf", "hub"]
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+|[\w.-]+")
_GGUF = ("*.gguf",)
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")


class Source(BaseModel):
    """`path` is set for what lies on this disk; `gguf_file` names the file inside it when the weights are GGUF."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Kind
    path: Path | None = None
    gguf_file: str | None = None
    revision: str | None = None

    @property
    def location(self) -> str:
        """What `from_pretrained` takes."""
        return str(self.path) if self.path else self.name

    @property
    def label(self) -> str:
        """The name without the folders that lead to it: safe to store."""
        if self.kind == "demo":
            return DEMO_NAME
        return self.path.name if self.path and self.kind != "hub" else self.name


def needs_hub(name: str) -> bool:
    """Whether loading `name` may reach for the network: not for the demo, local and random models."""
    return name != "demo" and not name.startswith("random:") and not _is_path(name)


def find(name: str, revision: str | None = None) -> Source:
    """The source that `name` stands for. ModelError when it is no model, or one that may not be loaded."""
    if not isinstance(name, str) or not name.strip():
        raise ModelError("model.bad_name", name=repr(name))
    if name == "demo" or name.startswith("random:"):
        return Source(name=name, kind="demo" if name == "demo" else "random")
    if _is_path(name):
        return _local(name, Path(name).expanduser())
    if not _HUB_ID.fullmatch(name):
        raise ModelError("model.bad_name", name=repr(name))
    return Source(name=name, kind="hub", revision=revision)


def _is_path(name: str) -> bool:
    return name.startswith((".", "~", "/", "\\")) or "\\" in name or name.count("/") > 1 or Path(name).exists()


def _local(name: str, path: Path) -> Source:
    if path.is_file() and path.suffix == ".gguf":
        return Source(name=name, kind="gguf", path=path.parent, gguf_file=path.name)
    if path.is_dir() and not any(path.glob("*.safetensors")):
        ggufs, pickles = (
            [file.name for pattern in patterns for file in sorted(path.glob(pattern))] for patterns in (_GGUF, _PICKLES)
        )
        if ggufs:
            return Source(name=name, kind="gguf", path=path, gguf_file=ggufs[0])
        if pickles:
            raise ModelError("model.pickle_only", name=name, file=pickles[0])
    local_model(name)
    return Source(name=name, kind="directory", path=path)
