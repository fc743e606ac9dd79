"""Tables of computing less, what lies elsewhere, limits, energy, latency, memory, neighbours, exported code."""

from collections.abc import Callable
from typing import Any

from workbench.export import device, energy, latency, limits, memory_health, reuse, sharing, verified
from workbench.export.judged import Told
from workbench.results import (
    Ceilings,
    Crossover,
    DeviceWindow,
    Energy,
    LatencyRun,
    Limits,
    MemoryHealth,
    Offload,
    PrefixReuse,
    Sharing,
    Speculation,
    Verification,
)
from workbench.widgets.table import Table

_TOLD: dict[type, Callable[[Any], Told]] = {
    Ceilings: limits.ceilings,
    Crossover: reuse.crossover,
    DeviceWindow: device.device,
    Energy: energy.energy,
    LatencyRun: latency.latency,
    Limits: limits.limits,
    MemoryHealth: memory_health.memory_health,
    Offload: reuse.offload,
    PrefixReuse: reuse.prefix,
    Sharing: sharing.sharing,
    Speculation: reuse.speculation,
    Verification: verified.verification,
}


def _table(result: Any) -> Table:
    return Table(*_TOLD[type(result)](result))


REUSED: dict[type, Callable[[Any], Table]] = dict.fromkeys(_TOLD, _table)
