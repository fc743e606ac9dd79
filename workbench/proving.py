"""What a device and a model can do: ceilings, limits, and the ways of computing routed experts."""

from workbench.bench import Bench
from workbench.ceilings import whole_ceilings
from workbench.checks import positive
from workbench.limits import limits_of, work_of
from workbench.results import (
    Ceilings,
    Experts,
    Limits,
    Measurement,
    RoutedExperts,
    Trace,
    Workload,
)
from workbench.roofline import points_of


def ceilings(bench: Bench, job: int, *, threads: int | None = None, refresh: bool = False) -> Ceilings:
    """Bandwidth, rates of products and launch latency of the device that the model is on; the model waits beside.

    What is kept of this machine is given as it was measured; what was measured now is kept in the store too.
    """
    found, measured = whole_ceilings(bench, job, threads=threads, refresh=refresh)
    if measured:
        return bench.deliver(job, "ceilings", found)
    bench.last["ceilings"] = found
    bench.tell(job, "result", {"kind": "ceilings", "value": found, "config": bench.config})
    return found


def limits(bench: Bench, job: int, workload: Workload | None = None) -> Limits:
    """The floors of a prefill and a decode step under the configuration in force, and this session's runs beside.

    Ceilings are measured where they are not kept. Kept in the store.
    """
    reached, _measured = whole_ceilings(bench, job)
    last: Measurement | None = bench.last.get("measurement")
    work, resolved = workload or (last.workload if last else Workload()), bench.resolved
    least = work_of(bench.facts, resolved, work, bench.config, _routed(bench, work))
    floors = limits_of(least, reached, resolved, _launches(bench))
    runs: tuple[Measurement, ...] = bench.last.get("measured", ())
    points, left_out = points_of(runs, bench.last.get("scan"), reached)
    found = Limits(
        device=reached.device,
        threads=reached.threads,
        format=floors["prefill"].floor("compute").source.params["format"],
        workload=work,
        config=bench.config.to_dict(),
        resolved=resolved,
        prefill=floors["prefill"],
        decode=floors["decode"],
        ceilings=reached.lean(),
        points=points,
        left_out=left_out,
        flags=bench.facts.notes,
    )
    return bench.deliver(job, "limits", found)


def _routed(bench: Bench, workload: Workload) -> RoutedExperts | None:
    """As the last run of this workload under this configuration counted them."""
    last: Measurement | None = bench.last.get("measurement")
    same = last is not None and bench.last.get("measured_config") == bench.config and last.workload == workload
    return last.routed if last is not None and same else None


def _launches(bench: Bench) -> dict[str, float]:
    """Phase -> operations of one pass, where a trace of this configuration has counted them."""
    trace: Trace | None = bench.last.get("trace")
    if trace is None or bench.last.get("traced_config") != bench.config:
        return {}
    return {name: phase.launches_per_step for name, phase in trace.phases.items()}


def experts(bench: Bench, job: int, workload: Workload | None = None, *, budget_s: float = 60.0) -> Experts:
    """Every way of transformers' to compute routed experts, in rounds that alternate. Kept in the store."""
    positive(budget_s=budget_s)
    work = (workload or Workload.preset("quick")).to_dict()
    parameters = {"probe": "experts", "workload": work, "budget_s": budget_s}
    found = Experts.from_dict(bench.call(job, "probe", parameters)["result"])
    return bench.deliver(job, "experts", found)
