"""What a session knows of itself when it is asked why it is slow: everything that the rules look at."""

from dataclasses import dataclass

from workbench.config import Config
from workbench.results import (
    AllocatorReading,
    Census,
    Limits,
    Machine,
    Measurement,
    ModelFacts,
    Resolved,
    Scan,
    Sharing,
    TokenReport,
    Trace,
    Workload,
)


@dataclass(frozen=True)
class Evidence:
    """All of one configuration on one workload. None: not known, or not asked for.

    measurement  of this configuration and workload
    trace        of this configuration; limits: of both, on this device
    full         the newest measurement on this machine of the same work and knobs, unquantised
    scan         over batch_size, of this configuration
    swapped      bytes of the model's process that are in swap
    padding      share of the prompts' positions that is padding
    prompts      that the workload brings; 0: none of its own
    """

    machine: Machine
    facts: ModelFacts
    config: Config
    resolved: Resolved
    workload: Workload
    measurement: Measurement | None = None
    trace: Trace | None = None
    limits: Limits | None = None
    sharing: Sharing | None = None
    tokens: TokenReport | None = None
    census: Census | None = None
    full: Measurement | None = None
    scan: Scan | None = None
    allocator: AllocatorReading | None = None
    swapped: int | None = None
    padding: float | None = None
    prompts: int = 0

    @property
    def on_cpu(self) -> bool:
        return self.resolved.device == "cpu"

    def share(self, phase: str, *categories: str) -> float:
        """Of the wall time of one forward pass of that phase in the trace."""
        assert self.trace is not None
        seen = self.trace.phases[phase]
        return sum(seen.time_by_category.get(name, 0.0) for name in categories) / seen.seconds
