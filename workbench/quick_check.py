"""Three minutes for a slow model: what ran, how far it is from its limit, the biggest causes, and what curing gains."""

import time

from workbench.advising import advise, try_out
from workbench.bench import Bench
from workbench.checks import positive
from workbench.knobs import KNOBS, Cost
from workbench.results import Workload
from workbench.results.advice import Cure, Finding, QuickCheck
from workbench.words import Message, say

CAUSES = 3
_MEASURE_S = 5.0
_LEAST_S = 8.0  # of a comparison that is worth beginning
_COMPILE_S = 100.0  # and of one that compiles first
_OTHER_WORK = ("shared", "held_back", "cold")  # not the model's: a knob turned for them would be turned for a moment


def quick_check(bench: Bench, job: int, workload: Workload | None = None, *, budget_s: float = 150.0) -> QuickCheck:
    """Advice, and its biggest causes tried in turns against what is in force, which is in force again afterwards.

    budget_s  for all of it; what there is no time for is named. The first cause that a live knob cures is tried
              as long as anything is left
    """
    positive(budget_s=budget_s)
    began, context = time.monotonic(), bench.context(job)
    found = advise(bench, job, workload, budget_s=min(_MEASURE_S, budget_s / 4))
    work, limits, taken = found.workload, bench.last["limits"], bench.last["measurement"]
    kernels = bench.last["trace"].backend
    cures: list[Cure] = []
    untried: list[Message] = []
    for finding in found.findings:
        context.check()
        left_s = budget_s - (time.monotonic() - began)
        reason = _why_not(bench, finding, len(cures), left_s)
        if reason is not None:
            untried.append(reason)
            continue
        rest = max(CAUSES - len(cures), 1)
        cures.append(try_out(bench, job, finding, work, budget_s=max(left_s / rest / 2, _LEAST_S / 2), keep=False))
    spent = {"prefill": taken.ttft_s, "decode": taken.tpot_s}
    result = QuickCheck(
        advice=found,
        kernels=kernels,
        limit_shares={
            limit.phase: limit.binding.seconds / spent[limit.phase] if limit.binding is not None else None
            for limit in limits.phases
        },
        cures=tuple(cures),
        untried=tuple(untried),
        seconds=time.monotonic() - began,
    )
    return bench.deliver(job, "quick_check", result)


def _why_not(bench: Bench, finding: Finding, tried: int, left_s: float) -> Message | None:
    title = str(finding.title)
    if not finding.change or finding.rule in _OTHER_WORK:
        return say("quick.no_knob", title=title)
    if tried >= CAUSES:
        return say("quick.enough", title=title, causes=CAUSES)
    compiles = finding.change.get("compile", "off") != "off"
    loads = any(KNOBS[knob].cost is not Cost.LIVE for knob in finding.change)
    needed = _COMPILE_S if compiles else _LEAST_S + (2 * (bench.load_seconds or 0.0) if loads else 0.0)
    if not tried and left_s > 0 and not compiles and not loads:
        return None  # a check that tries nothing is none: the first may take longer than there is left
    if left_s < needed:
        return say("quick.no_time", title=title, needed=f"{needed:.0f}", left=f"{max(left_s, 0.0):.0f}")
    return None
