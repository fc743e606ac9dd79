"""Tables of what saves computing twice, of what lies elsewhere, and of exported code."""

from collections.abc import Callable
from typing import Any

from workbench.export import reuse, verified
from workbench.export.judged import Told
from workbench.results import Crossover, Offload, PrefixReuse, Speculation, Verification
from workbench.widgets.table import Table

_TOLD: dict[type, Callable[[Any], Told]] = {
    Crossover: reuse.crossover,
    Offload: reuse.offload,
    PrefixReuse: reuse.prefix,
    Speculation: reuse.speculation,
    Verification: verified.verification,
}


def _table(result: Any) -> Table:
    return Table(*_TOLD[type(result)](result))


REUSED: dict[type, Callable[[Any], Table]] = dict.fromkeys(_TOLD, _table)
