"""Questions about the processor that take several settings or workers: threads, pinning, instructions."""

import os
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import correlation
from typing import Any

from workbench.errors import CapabilityError
from workbench.results import LatencyRun, Measurement, Quantities, Quantity, Workload
from workbench.session import Session
from workbench.stats import ratio_interval
from workbench.tips.pairs import by_turns
from workbench.tips.stand import Stand
from workbench.words import say

_WORK = Workload(prompt_tokens=64, new_tokens=32)
_RUN_S = 5.0
_MOST_COUNTS = 5
_DRAWS = 400
_SPREADS = 3
# what holds torch's own kernels, oneDNN and MKL to an older instruction set, read when a process starts
_HELD = {
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "sse4": {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
}
_NEEDS = {"avx2": "avx512f", "sse4": "avx2"}  # what the processor must have for there to be a difference


def thread_scan(stand: Stand, session: Session, _params: Mapping[str, Any]) -> Quantities:
    """Decode by threads: the best count ÷ physical cores, and how tokens/s go with the cores in use.

    Intervals: counts not told apart from the best; the middle 95 % of correlations when each mean is drawn anew.
    """
    found: dict[int, Measurement] = stand.once(f"threads {session.name}", lambda: _by_count(stand, session))
    best = max(found, key=lambda count: found[count].decode_tps)
    least = found[best].ci95["decode_tps"][0]
    level = [count for count, each in found.items() if each.ci95["decode_tps"][1] >= least]
    cores = session.machine.cpu.cores
    used = [_in_use(each, count) for count, each in found.items()]
    means = [each.decode_tps for each in found.values()]
    spreads = [(each.ci95["decode_tps"][1] - each.ci95["decode_tps"][0]) / 4 for each in found.values()]
    told = ", ".join(f"{count}: {each.decode_tps:.3g}" for count, each in found.items())
    return Quantities(
        values={
            "best_share": Quantity(value=best / cores, ci95=(min(level) / cores, max(level) / cores)),
            "rank_correlation": _correlation(used, means, spreads),
        },
        notes=(say("tips.note.threads", told=told, cores=cores),),
    )


def spread(stand: Stand, session: Session, params: Mapping[str, Any]) -> Quantities:
    """params: knobs, seconds (of each run). P90 ÷ P50 of the gaps with them ÷ without, by turns."""
    sides = (stand.config({}), stand.config(params["knobs"]))

    def once(side: int) -> float:
        session.apply(sides[side])
        found: LatencyRun = session.latency(_WORK, seconds=params["seconds"])
        if found.itl.p90 is None or found.itl.p50 is None:
            raise CapabilityError("tips.too_few_gaps", n=found.itl.n)
        return found.itl.p90 / found.itl.p50

    pairs = []
    for turn in range(_SPREADS):
        taken = {side: once(side) for side in ((0, 1) if turn % 2 == 0 else (1, 0))}
        pairs.append((taken[0], taken[1]))
    ratio, bounds = ratio_interval(pairs)
    return Quantities(values={"spread_ratio": Quantity(value=ratio, ci95=bounds)})


def instruction_set(stand: Stand, session: Session, params: Mapping[str, Any]) -> Quantities:
    """params: held_to. Two workers, one of them held back, by turns. CapabilityError where there is nothing to hold."""
    if _NEEDS[params["held_to"]] not in session.machine.cpu.features:
        raise CapabilityError("tips.no_instructions", needed=_NEEDS[params["held_to"]], held=params["held_to"])
    with _environment(_HELD[params["held_to"]]), stand.apart(session.name) as held:
        held.apply(session.config)  # its worker starts with this environment
        values = by_turns(
            (lambda: held.measure(_WORK, budget_s=_RUN_S), lambda: session.measure(_WORK, budget_s=_RUN_S))
        )
    return Quantities(
        values={"decode_ratio": values["decode_tps"], "prefill_ratio": values["prefill_tps"]},
        notes=(say("tips.note.held", held=params["held_to"]),),
    )


def _by_count(stand: Stand, session: Session) -> dict[int, Measurement]:
    most = session.machine.cpu.logical_cores
    counts = sorted({max(1, round(most * step / _MOST_COUNTS)) for step in range(1, _MOST_COUNTS + 1)} | {1})
    found = {}
    for count in counts:
        session.apply(stand.config({"device": "cpu", "threads": count}))
        found[count] = session.measure(_WORK, budget_s=_RUN_S)
    return found


def _in_use(found: Measurement, threads: int) -> float:
    cores = found.device.process_cores if found.device is not None else None
    return cores if cores is not None else float(threads)


def _correlation(used: Sequence[float], means: Sequence[float], spreads: Sequence[float]) -> Quantity:
    """Spearman's, with draws of the means; of one count alone there is none."""
    if len(used) < 2:
        return Quantity(value=None)
    draw = random.Random(0)
    drawn = sorted(
        _spearman(used, [draw.gauss(mean, spread) for mean, spread in zip(means, spreads, strict=True)])
        for _ in range(_DRAWS)
    )
    bounds = (drawn[round(0.025 * _DRAWS)], drawn[round(0.975 * _DRAWS) - 1])
    return Quantity(value=_spearman(used, means), ci95=bounds)


def _spearman(one: Sequence[float], other: Sequence[float]) -> float:
    if len(set(one)) < 2 or len(set(other)) < 2:
        return 0.0
    return correlation(_ranks(one), _ranks(other))


def _ranks(values: Sequence[float]) -> list[float]:
    """From 1; equal values share the mean of theirs."""
    ordered = sorted(values)
    return [ordered.index(value) + (ordered.count(value) + 1) / 2 for value in values]


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
