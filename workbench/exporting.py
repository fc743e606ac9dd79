"""The configuration in force as code, with the numbers that were last measured of it."""

from workbench import export as exports
from workbench.bench import Bench
from workbench.errors import CapabilityError
from workbench.results import Measurement, Snippet


def exported(
    bench: Bench,
    target: str = "transformers",
    *,
    on: str | None = None,
    gpus: int | None = None,
    nodes: int | None = None,
    context: int | None = None,
) -> Snippet:
    """As `Session.export` says. CapabilityError for an attached model that nobody knows a name of."""
    if bench.nameless and (target not in exports.TARGETS or exports.TARGETS[target].needs_source):
        raise CapabilityError("session.nameless", target=target)
    measurement: Measurement | None = bench.last.get("measurement")
    if measurement is not None and bench.last.get("measured_config") != bench.config:
        measurement = None
    return exports.snippet(
        target,
        bench.config,
        model=bench.loads_from,
        revision=bench.commit or bench.revision,
        resolved=bench.resolved,
        measurement=measurement,
        workload=measurement.workload if measurement else None,
        facts=bench.facts,
        machine=bench.machine,
        on=on,
        gpus=gpus,
        nodes=nodes,
        context=context,
    )
