"""Everything that the monitor can export, by the name it has in code."""

from workbench.metrics.hardware import ALLOCATOR, GPU, MACHINE
from workbench.metrics.series import Series
from workbench.metrics.service import ANSWERS, SESSION

SERIES: dict[str, Series] = {series.key: series for series in (*ANSWERS, *SESSION, *MACHINE, *GPU, *ALLOCATOR)}
