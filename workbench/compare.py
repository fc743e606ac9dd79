"""Two configurations of the resident model, judged by interleaved pairs."""

from collections.abc import Mapping
from typing import Any

from workbench.bench import Bench
from workbench.checks import refuse_impossible
from workbench.config import Config
from workbench.errors import CapabilityError, ConfigError, StoreError
from workbench.knobs import Cost
from workbench.results import Comparison, Workload, comparison_record
from workbench.words import say


def compare(
    bench: Bench,
    job: int,
    a: Config | Mapping[str, Any],
    b: Config | Mapping[str, Any],
    workload: Workload | None = None,
    *,
    precision: float = 0.05,
    budget_s: float = 60.0,
) -> Comparison:
    """b against a on `workload`; a mapping means the configuration in force with those knobs changed.

    Kept in the store. ConfigError when both are the same, CapabilityError when one is impossible here or needs a
    reload.
    """
    first, second = (side if isinstance(side, Config) else bench.config.replace(**side) for side in (a, b))
    workload = workload or Workload()
    differing = first.diff(second)
    if not differing:
        raise ConfigError("compare.same", config=str(first))
    for config in (first, second):
        refuse_impossible(config, bench.machine, bench.facts)
        if bench.config.cost_to(config) is not Cost.LIVE:
            raise CapabilityError("compare.needs_reload", knobs=", ".join(bench.config.diff(config)))
    parameters = {
        "probe": "paired",
        "a": first.to_dict(),
        "b": second.to_dict(),
        "workload": workload.to_dict(),
        "precision": precision,
        "budget_s": budget_s,
    }
    comparison = Comparison.from_dict(bench.call(job, "probe", parameters)["result"])
    try:
        bench.runs.add(comparison_record(bench.facts.name, bench.machine, second, comparison))
    except StoreError as error:
        bench.tell(job, "error", error)
        comparison = comparison.model_copy(
            update={"flags": (*comparison.flags, say("session.not_stored", problem=error.what))}
        )
    bench.last["comparison"] = comparison
    bench.tell(job, "result", {"kind": "comparison", "value": comparison})
    return comparison
