"""Two configurations judged by interleaved pairs: on one resident model, in two engines, or by loads that alternate."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from workbench.bench import Bench
from workbench.checks import refuse_impossible
from workbench.config import Config
from workbench.costs import cost_of, earlier_floor
from workbench.errors import ConfigError
from workbench.knobs import Cost
from workbench.pairing import QUICK_PAIRS, Plan, compared, gather, told
from workbench.probes.context import Context
from workbench.results import CompareCost, Comparison, NoiseFloor, Way, Workload
from workbench.ways import Sides, Turns, alternating, put, restored, two_engines

Side = Config | Mapping[str, Any]
_QUICK: dict[str, int] = {"two_engines": QUICK_PAIRS, "alternating": 1}
_BY_TURNS: dict[str, Callable[..., AbstractContextManager[Turns]]] = {
    "two_engines": two_engines,
    "alternating": alternating,
}


def compare_cost(bench: Bench, a: Side, b: Side, workload: Workload | None = None, **options: Any) -> CompareCost:
    """What comparing them would take now; loads nothing. Options: precision, budget_s, way."""
    return cost_of(bench, *_sides(bench, a, b), workload or Workload(), **options)


def compare(
    bench: Bench,
    job: int,
    a: Side,
    b: Side,
    workload: Workload | None = None,
    *,
    precision: float = 0.05,
    budget_s: float = 60.0,
    quick: bool = False,
    way: Way | None = None,
) -> Comparison:
    """b against a on `workload`; a mapping means the configuration in force with those knobs changed.

    Its cost is told first, as a progress event. Kept in the store. The configuration of before is in force again
    afterwards, also after Stop and errors.
    ConfigError when both are the same, CapabilityError when one is impossible here.
    """
    sides, workload = _sides(bench, a, b), workload or Workload()
    context = bench.context(job)
    price = cost_of(bench, *sides, workload, precision=precision, budget_s=budget_s, way=way)
    context.progress(price.text, 0)
    earlier = earlier_floor(bench, workload, price.way) if quick else None
    with restored(bench, job):
        if price.way == "live":
            comparison = _live(bench, job, sides, workload, precision, budget_s, quick, price.pairs, earlier)
        else:
            plan = Plan(precision, budget_s, quick=_QUICK[price.way] if quick else 0, expected=price.pairs)
            comparison = _by_turns(bench, job, sides, workload, plan, price.way, earlier, context)
    return bench.deliver(job, "comparison", comparison, config=sides[1])


def _live(
    bench: Bench,
    job: int,
    sides: Sides,
    workload: Workload,
    precision: float,
    budget_s: float,
    quick: bool,
    expected: int | None,
    earlier: NoiseFloor | None,
) -> Comparison:
    loads = 0
    if any(bench.config.cost_to(side) is not Cost.LIVE for side in sides):
        put(bench, job, sides[0])
        loads = 1
    parameters = {
        "probe": "paired",
        "a": sides[0].to_dict(),
        "b": sides[1].to_dict(),
        "workload": workload.to_dict(),
        "precision": precision,
        "budget_s": budget_s,
        "quick": quick,
        "expected": expected,
        "floor": earlier.to_dict() if earlier else None,
    }
    comparison = Comparison.from_dict(bench.call(job, "probe", parameters)["result"])
    return comparison.model_copy(update={"loads": loads})


def _by_turns(
    bench: Bench,
    job: int,
    sides: Sides,
    workload: Workload,
    plan: Plan,
    way: Way,
    earlier: NoiseFloor | None,
    context: Context,
) -> Comparison:
    began = time.monotonic()
    with _BY_TURNS[way](bench, job, sides, workload, context) as turns:
        gathered = gather(turns.run, plan, lambda *so_far: context.progress(*told(*so_far)), began)
    return compared(
        gathered,
        sides,
        (turns.resolved[0], turns.resolved[1]),
        floor=earlier,
        flags=bench.facts.notes,
        workload=turns.workload,
        way=way,
        loads=turns.loads,
        seconds=time.monotonic() - began,
    )


def _sides(bench: Bench, a: Side, b: Side) -> Sides:
    """ConfigError when they are the same, CapabilityError when one is impossible here."""
    first, second = (side if isinstance(side, Config) else bench.config.replace(**side) for side in (a, b))
    if not first.diff(second):
        raise ConfigError("compare.same", config=str(first))
    for config in (first, second):
        refuse_impossible(config, bench.machine, bench.facts)
    return first, second
