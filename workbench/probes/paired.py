"""Which of two live configurations is faster: short runs that alternate on the resident model, judged by pairs.

The order and the end are `workbench.pairing`'s. Both configurations are asked the same questions afterwards: whether
they compute the same stands beside which is faster.
"""

import time
from typing import Any

from workbench.config import Config
from workbench.pairing import QUICK_PAIRS, Half, Plan, compared, gather, told
from workbench.probes import agreement
from workbench.probes.bench import Bench
from workbench.probes.block import Blocks
from workbench.probes.context import Context
from workbench.results import Comparison, NoiseFloor, Resolved, Workload
from workbench.words import say


def run(bench: Bench, params: dict[str, Any], context: Context) -> Comparison:
    """Compares params a and b (configs as dicts) on `workload` until known to ±`precision`, or `budget_s` is spent.

    params: a, b, workload, precision (share, default 0.05), budget_s (default 60), quick (an estimate, default False),
    expected (pairs, or None), floor (of earlier comparisons, or None). The configuration that was in force is in force
    again afterwards.
    """
    before = bench.config
    try:
        return _compare(bench, params, context)
    finally:
        bench.switch(before, Context(context.emit), proven=True)


def _compare(bench: Bench, params: dict[str, Any], context: Context) -> Comparison:
    sides = Config(**params["a"]), Config(**params["b"])
    plan = Plan(
        precision=params.get("precision", 0.05),
        budget_s=params.get("budget_s", 60.0),
        quick=QUICK_PAIRS if params.get("quick") else 0,
        expected=params.get("expected"),
    )
    blocks = Blocks(bench, Workload(**params["workload"]), context)
    began = time.monotonic()

    context.enter(say("phase.warming_up"))
    context.progress(say("progress.warm_up"), 0)
    resolved: list[Resolved] = []
    for config in sides:
        bench.switch(config, context)
        blocks.warm_up()
        resolved.append(bench.resolved())
    context.enter(say("phase.agreement"))
    same = agreement.of(bench, sides, blocks.batch, blocks.workload.new_tokens, context)

    def half(side: int) -> Half:
        bench.switch(sides[side], context, proven=True)
        return blocks.run()

    context.enter(say("phase.comparing"))
    context.mark("begin")
    gathered = gather(half, plan, lambda *so_far: context.progress(*told(*so_far)), began)
    context.mark("end")
    return compared(
        gathered,
        sides,
        (resolved[0], resolved[1]),
        floor=NoiseFloor(**params["floor"]) if params.get("floor") else None,
        flags=bench.facts.notes,
        workload=blocks.workload,
        agreement=same,
        seconds=time.monotonic() - began,
    )
