"""What an export target is given."""

from collections.abc import Mapping
from dataclasses import dataclass

from workbench.config import Config
from workbench.results import Machine, Measurement, ModelFacts, Resolved, Workload


@dataclass(frozen=True)
class Request:
    """One configuration of one model, with what was read back and measured where that is known.

    versions  of the packages that it was found with; None: those that are installed here
    on        a GPU of the catalogue that a server is to run on; gpus: of one machine; nodes: machines
    context   tokens of one request to a server, prompt and answer
    """

    config: Config
    model: str
    revision: str | None = None
    resolved: Resolved | None = None
    measurement: Measurement | None = None
    workload: Workload | None = None
    facts: ModelFacts | None = None
    machine: Machine | None = None
    versions: Mapping[str, str] | None = None
    on: str | None = None
    gpus: int | None = None
    nodes: int | None = None
    context: int | None = None
