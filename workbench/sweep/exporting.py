"""From a sweep's winner to code: what `workbench.export` makes of its configuration."""

from typing import Any

from workbench import export as exports
from workbench.catalog.sources import DEMO_NAME
from workbench.config import Config
from workbench.errors import ConfigError
from workbench.results import Snippet, Sweep


def export(found: Sweep, target: str = "transformers", *, model: str | None = None, **known: Any) -> Snippet:
    """The winner as files for `target` (`workbench.export.TARGETS`). known: see `workbench.export.snippet`.

    model  what its code loads; default: the sweep's, whose record holds no path. ConfigError without a winner.
    """
    if found.best is None:
        raise ConfigError("sweep.no_winner", why=str(found.verdict))
    config = Config(**found.best.config)
    name = model or ("demo" if found.model == DEMO_NAME else found.model)
    return exports.snippet(target, config, model=name, workload=found.workload, **known)
