"""Getting a model onto this machine: where a name leads, and what must be done before it can be loaded."""

from workbench.catalog.integrity import check
from workbench.catalog.sources import Source, find, weights_in
from workbench.hub.caches import commit_of, locate
from workbench.hub.convert import as_safetensors
from workbench.hub.download import download
from workbench.probes.context import Context


def prepare(name: str, revision: str | None, context: Context, *, allow_pickle: bool = False) -> Source:
    """The source of `name`, ready to be loaded. Blocks; reports to `context` and stops when it is asked to.

    A hub id is looked up in the caches of this machine (`caches.caches()`), then downloaded.
    ModelError when there is no such model, it cannot be downloaded, or it may not be loaded as it is.
    """
    source = find(name, revision)
    if source.kind == "hub":
        folder = locate(name, revision) or download(name, revision, context, allow_pickle=allow_pickle)
        kind, file = weights_in(folder)
        found = {"path": folder, "commit": commit_of(folder), "gguf_file": file if kind == "gguf" else None}
        source = source.model_copy(update=found)
    return settle(source, context, allow_pickle=allow_pickle)


def settle(source: Source, context: Context, *, allow_pickle: bool = False) -> Source:
    """`source` once its files on this disk were checked, converted where they are pickles and that is allowed."""
    if source.path is None:
        return source
    if source.kind == "pickle" or (source.kind == "hub" and weights_in(source.path)[0] == "pickle"):
        return as_safetensors(source, context, allow_pickle=allow_pickle)
    check(source.path, source.gguf_file, name=source.label)
    return source
