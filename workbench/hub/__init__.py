"""Getting a model onto this machine: where a name leads, and what must be done before it can be loaded."""

from workbench.catalog.sources import Source, find
from workbench.probes.context import Context


def prepare(name: str, revision: str | None, context: Context, *, allow_pickle: bool = False) -> Source:
    """The source of `name`, ready to be loaded. Blocks; reports to `context` and stops when it is asked to.

    ModelError when there is no such model, or it may not be loaded as it is.
    """
    return find(name, revision)
