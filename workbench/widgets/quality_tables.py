"""Tables of what was judged: quality, bytes, sensitivity, the decision between configurations, tokens."""

from collections.abc import Callable
from typing import Any

from workbench.charts import Decision
from workbench.export import aligned, judged
from workbench.results import Census, QualityDiff, Sensitivity, TokenReport
from workbench.widgets.table import Table

_TOLD: dict[type, Callable[[Any], judged.Told]] = {
    Census: judged.census,
    Decision: judged.decision,
    QualityDiff: judged.quality,
    Sensitivity: judged.sensitivity,
    TokenReport: aligned.tokens,
}


def _table(result: Any) -> Table:
    return Table(*_TOLD[type(result)](result))


JUDGED: dict[type, Callable[[Any], Table]] = dict.fromkeys(_TOLD, _table)
