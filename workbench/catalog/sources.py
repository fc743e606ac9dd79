"""Where a model name leads: the demo, a random model, a local directory or file, or a hub id. Nothing is loaded here."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workbench.errors import ModelError

Kind = Literal["demo", "random", "directory", "gguf", "hub"]
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+|[\w.-]+")
_SAFE = ("*.safetensors", "*.gguf")
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")


@dataclass(frozen=True)
class Source:
    """`path` is set for what lies on this disk; `gguf_file` names the file inside it when the weights are GGUF."""

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
        return self.path.name if self.path and self.kind != "demo" else self.name


def needs_hub(name: str) -> bool:
    """Whether loading `name` may reach for the network: not for the demo, local and random models."""
    return name != "demo" and not name.startswith("random:") and not _is_path(name)


def find(name: str, revision: str | None = None) -> Source:
    """The source that `name` stands for. ModelError when it is no model, or one that may not be loaded."""
    if not isinstance(name, str) or not name.strip():
        raise ModelError("model.bad_name", name=repr(name))
    if name == "demo" or name.startswith("random:"):
        return Source(name, "demo" if name == "demo" else "random")
    if _is_path(name):
        return _local(name, Path(name).expanduser())
    if not _HUB_ID.fullmatch(name):
        raise ModelError("model.bad_name", name=repr(name))
    return Source(name, "hub", revision=revision)


def _is_path(name: str) -> bool:
    return name.startswith((".", "~", "/", "\\")) or "\\" in name or name.count("/") > 1 or Path(name).exists()


def _local(name: str, path: Path) -> Source:
    if not path.exists():
        raise ModelError("model.no_such_path", path=name)
    if path.is_file():
        if path.suffix != ".gguf":
            raise ModelError("model.not_a_model", path=name, found=path.name)
        return Source(name, "gguf", path.parent, gguf_file=path.name)
    weights = [file for pattern in _SAFE for file in sorted(path.glob(pattern))]
    ggufs = [file for file in weights if file.suffix == ".gguf"]
    config = path / "config.json"
    if not config.exists():
        if ggufs:
            return Source(name, "gguf", path, gguf_file=ggufs[0].name)
        found = ", ".join(sorted(child.name for child in path.iterdir())[:5]) or "nothing"
        raise ModelError("model.not_a_model", path=name, found=found)
    _readable_config(name, config)
    if not weights:
        pickles = [file.name for pattern in _PICKLES for file in sorted(path.glob(pattern))]
        if pickles:
            raise ModelError("model.pickle_only", name=name, file=pickles[0])
        raise ModelError("model.no_weights", path=name)
    if all(file.suffix == ".gguf" for file in weights):
        return Source(name, "gguf", path, gguf_file=ggufs[0].name)
    return Source(name, "directory", path)


def _readable_config(name: str, config: Path) -> None:
    try:
        values = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError("model.damaged_config", path=name, problem=f"{type(error).__name__}: {error}") from error
    if not isinstance(values, dict) or not values.get("model_type"):
        raise ModelError("model.damaged_config", path=name, problem="it names no model_type")
