"""What an export target is given."""

from dataclasses import dataclass

from workbench.config import Config
from workbench.results import Machine, Measurement, ModelFacts, Resolved, Workload


@dataclass(frozen=True)
class Request:
    """One configuration of one model, with what was read back and measured where that is known."""

    config: Config
    model: str
    revision: str | None = None
    resolved: Resolved | None = None
    measurement: Measurement | None = None
    workload: Workload | None = None
    facts: ModelFacts | None = None
    machine: Machine | None = None
