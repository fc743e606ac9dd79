"""Two configurations of the resident model, judged by interleaved pairs."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from workbench.bench import Bench
from workbench.checks import refuse_impossible
from workbench.config import Config
from workbench.errors import CapabilityError, ConfigError, StoreError
from workbench.knobs import Cost
from workbench.results import Comparison, NoiseFloor, Workload, document
from workbench.words import say

_FLOOR = "noisefloor"
_FLOORS_LOOKED_AT = 200


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

    Kept in the store, as is the noise floor of this machine and work. ConfigError when both are the same,
    CapabilityError when one is impossible here or needs a reload.
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
    key = _key(bench, first, workload)
    known = _known_floor(bench, key)
    parameters = {
        "probe": "paired",
        "a": first.to_dict(),
        "b": second.to_dict(),
        "workload": workload.to_dict(),
        "precision": precision,
        "budget_s": budget_s,
        "floor": known,
    }
    comparison = Comparison.from_dict(bench.call(job, "probe", parameters)["result"])
    comparison = comparison.model_copy(update={"floor": comparison.floor.model_copy(update={"key": key})})
    try:
        if known is None:
            bench.runs.add(_record(bench, _FLOOR, first, comparison.workload, comparison.floor))
        bench.runs.add(_record(bench, "comparison", second, comparison.workload, comparison))
    except StoreError as error:
        bench.tell(job, "error", error)
        comparison = comparison.model_copy(
            update={"flags": (*comparison.flags, say("session.not_stored", problem=error.what))}
        )
    bench.last["comparison"] = comparison
    bench.tell(job, "result", {"kind": "comparison", "value": comparison})
    return comparison


def _record(
    bench: Bench, kind: str, config: Config, workload: Workload, result: Comparison | NoiseFloor
) -> dict[str, Any]:
    return document(
        kind,
        model=bench.facts.name,
        machine=bench.machine,
        config=config,
        workload=workload,
        result=result,
        flags=getattr(result, "flags", ()),
    )


def _key(bench: Bench, config: Config, workload: Workload) -> str:
    """Of the machine, the model, the configuration and the work that a noise floor belongs to."""
    machine = [bench.machine.label, bench.machine.cpu.cores, [gpu.uuid or gpu.name for gpu in bench.machine.gpus]]
    parts = [machine, bench.facts.name, bench.facts.revision, config.to_dict(), workload.to_dict()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _known_floor(bench: Bench, key: str) -> dict[str, Any] | None:
    try:
        records = bench.runs.list(kind=_FLOOR, model=bench.facts.name, limit=_FLOORS_LOOKED_AT)
    except StoreError:  # said when the comparison cannot be stored either
        return None
    return next((record["result"] for record in records if record["result"]["key"] == key), None)
