"""Whether drafting pays on one task: what was drafted and kept, and whole answers with and without it, by pairs.

Greedy, exactly so many tokens. The counts come from transformers' own drafter (`engine.drafting`), in the warm-up.
"""

import time
from typing import Any

from workbench.config import Config
from workbench.errors import WorkbenchError
from workbench.pairing import Plan, compared, gather, told
from workbench.probes import agreement
from workbench.probes.bench import Bench
from workbench.probes.block import Blocks
from workbench.probes.context import Context
from workbench.results import Comparison, SpeculationRun, Workload
from workbench.words import Message, say
from workbench.words.format import interval, number, ratio


def run(bench: Bench, params: dict[str, Any], context: Context) -> SpeculationRun:
    """params: a, b (configs as dicts, b speculates), task, prompt, new_tokens, precision, budget_s.

    The configuration that was in force is in force again afterwards.
    """
    before = bench.config
    try:
        return _run(bench, params, context)
    finally:
        bench.switch(before, Context(context.emit), proven=True)


def _run(bench: Bench, params: dict[str, Any], context: Context) -> SpeculationRun:
    began = time.monotonic()
    sides = Config(**params["a"]), Config(**params["b"])
    workload = Workload(prompts=(params["prompt"],), new_tokens=params["new_tokens"])
    context.enter(say("phase.warming_up"))
    resolved, load_s = [], None
    bench.switch(sides[0], context)
    blocks = Blocks(bench, workload, context, whole=True)
    for config in sides:
        loaded, started = bench.resolved().assistant, time.perf_counter()
        bench.switch(config, context)
        if bench.resolved().assistant not in ("", loaded):
            load_s = time.perf_counter() - started
        blocks.warm_up()
        resolved.append(bench.resolved())
    drafts = bench.drafts
    if drafts is None or resolved[1].speculation != sides[1].speculation:
        raise WorkbenchError("speculation.other_drafter", asked=sides[1].speculation, ran=resolved[1].speculation)
    context.enter(say("phase.agreement"))
    same = agreement.of(bench, sides, blocks.batch, workload.new_tokens, context)

    def half(side: int) -> Any:
        bench.switch(sides[side], context, proven=True)
        return blocks.run()

    context.enter(say("phase.comparing"))
    plan = Plan(params["precision"], params["budget_s"])
    gathered = gather(half, plan, lambda *so_far: context.progress(*told(*so_far)), began)
    comparison = compared(
        gathered,
        sides,
        (resolved[0], resolved[1]),
        flags=bench.facts.notes,
        workload=blocks.workload,
        agreement=same,
        seconds=time.monotonic() - began,
    )
    found = SpeculationRun(
        mode={knob: new for knob, (_, new) in sides[0].diff(sides[1]).items()},
        task=params["task"],
        prompt=params["prompt"],
        drafts=drafts,
        new_tokens=workload.new_tokens,
        comparison=comparison,
        load_s=load_s,
        assistant_bytes=resolved[1].assistant_bytes,
        verdict=say("speculation.unjudged"),
    )
    return found.model_copy(update={"verdict": _verdict(found, comparison)})


def _verdict(found: SpeculationRun, comparison: Comparison) -> Message:
    gain = comparison.ratio["decode_tps"]
    kind = "none" if "decode_tps" not in comparison.seen else "faster" if gain > 1 else "slower"
    if comparison.shared:
        kind = "shared"
    drafts = found.drafts
    return say(
        f"speculation.{kind}",
        mode=found.name,
        task=found.task,
        ratio=ratio(gain),
        interval=interval(comparison.ci95.get("decode_tps")),
        kept=drafts.told,
        per_pass=number(found.tokens_per_pass),
    )
