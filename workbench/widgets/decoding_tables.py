"""Tables of decoding: effects of settings, time that a stop saves, windows over a long input."""

from collections.abc import Callable
from typing import Any

from workbench.export import chosen
from workbench.export.judged import Told
from workbench.results import DecodingEffects, Stopping, Windows
from workbench.widgets.table import Table

_TOLD: dict[type, Callable[[Any], Told]] = {
    DecodingEffects: chosen.effects,
    Stopping: chosen.stopping,
    Windows: chosen.windows,
}


def _table(result: Any) -> Table:
    return Table(*_TOLD[type(result)](result))


CHOSEN: dict[type, Callable[[Any], Table]] = dict.fromkeys(_TOLD, _table)
