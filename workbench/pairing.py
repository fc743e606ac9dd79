"""Pairs of short runs that alternate, A B B A A B …, until enough is known: the order, the end, what is set aside.

No torch: the runs may be here, in one worker, or in two. Where two pairs meet, one configuration follows itself; these
neighbours are the A/A pairs that give the noise floor, taken in the same minute as the verdict.
"""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from workbench.config import Config
from workbench.judging import Pair, Run, floor_of, half_width, judge, names_of, pairs_for, without_verdict
from workbench.results import Comparison, NoiseFloor, Resolved, RunConditions, SideConditions, Workload
from workbench.stats import affordable
from workbench.words import Message, say
from workbench.words.format import number, share

ENOUGH_PAIRS = 20  # a verdict rests on so many, unless the asked precision comes first
FEWEST_PAIRS = 6  # whatever the precision: the spread of fewer is not known well
LEAST_PAIRS = 3  # whatever the budget: below them there is no noise floor
QUICK_PAIRS = 2
BLOCK_TOKENS = 16  # new tokens of one run
SHARED_CORES = 0.25  # other processes' use above which what was measured is flagged
CLOCKS_APART = 0.02  # of both sides' mean SM clocks, above which the verdict says so
DISTURBED_CORES = 0.5  # others' use during one run above which its pair is set aside
DISTURBED_GPU = 0.05  # the same of a GPU's time: a desktop's own drawing stays below it
_SHARED_PAIRS = 2 * FEWEST_PAIRS  # a shared machine is given so many to become quiet, whatever the precision
_SEEN_S = 0.2  # the kernel counts CPU time in steps of 10 ms: shorter runs say nothing of others


def block_of(workload: Workload) -> Workload:
    """The part of `workload` that one run of a pair does: its prompt, and few new tokens."""
    return workload.replace(new_tokens=min(workload.new_tokens, BLOCK_TOKENS))


_UNKNOWN = RunConditions()


@dataclass(frozen=True)
class Half:
    """One run of a pair, and what the device was like meanwhile."""

    run: Run
    seconds: float
    conditions: RunConditions = _UNKNOWN

    @property
    def shared(self) -> bool:
        """Whether another process was busy meanwhile. Memory that it only holds disturbs no timing."""
        cores, gpu = self.conditions.others_cores, self.conditions.others_gpu_share
        on_cpu = cores is not None and self.seconds >= _SEEN_S and cores > DISTURBED_CORES
        return on_cpu or (gpu is not None and gpu > DISTURBED_GPU)

    @property
    def disturbed(self) -> bool:
        """Whether another process was busy, or the device was held below its speed: the pair is no fair one."""
        return self.shared or bool(self.conditions.held_back)


@dataclass(frozen=True)
class Plan:
    """When to end. `quick`: after so many pairs, whatever they say."""

    precision: float
    budget_s: float
    quick: int = 0
    expected: int | None = None  # pairs that earlier comparisons let expect


@dataclass(frozen=True)
class Gathered:
    """`pairs` and `same` are those that are judged; `set_aside` pairs were not.

    others_cores, others_gpu_share  of other processes, mean over all runs
    """

    pairs: tuple[Pair, ...]
    same: tuple[Pair, ...]
    stopped_by: str
    set_aside: int
    others_cores: float | None
    held_back: tuple[str, ...] = ()  # what held the device back in any run
    marked: int = 0  # judged pairs in which it was held back
    sides: tuple[SideConditions, SideConditions] = (SideConditions(), SideConditions())
    others_gpu_share: float | None = None
    disturbed: int = 0  # judged pairs in which another process was busy

    @property
    def shared(self) -> bool:
        """Whether that was most of them: then there is no verdict."""
        return 2 * self.disturbed > len(self.pairs)

    @property
    def flags(self) -> tuple[Message, ...]:
        """What is to be said of other processes."""
        found = []
        if self.shared:
            found.append(say("flag.no_verdict", disturbed=self.disturbed, pairs=len(self.pairs)))
        if self.others_cores is not None and self.others_cores > SHARED_CORES:
            found.append(say("flag.shared", cores=f"{self.others_cores:.1f}"))
        if self.others_gpu_share is not None and self.others_gpu_share > DISTURBED_GPU:
            found.append(say("flag.shared_gpu", share=share(self.others_gpu_share)))
        if self.set_aside:
            found.append(say("flag.set_aside", pairs=self.set_aside))
        return tuple(found)


# (pairs done, half width of the judged ratios, pairs expected in all)
Progress = Callable[[int, float, int], None]


def gather(run: Callable[[int], Half], plan: Plan, progress: Progress, began: float) -> Gathered:
    """Pairs of `run(0)`, which is a's, and `run(1)`, b's. `began`: where the budget counts from (time.monotonic)."""
    halves: list[tuple[Half, Half]] = []
    stopped_by = ""
    while not stopped_by:
        if len(halves) % 2:
            second, first = run(1), run(0)
        else:
            first, second = run(0), run(1)
        halves.append((first, second))
        kept = undisturbed(halves)
        disturbed = _disturbed([halves[at] for at in kept])
        fewest = _SHARED_PAIRS if 2 * disturbed > len(kept) else FEWEST_PAIRS
        reached = half_width([_pair(halves[at]) for at in kept])
        spent_s = time.monotonic() - began
        if plan.quick:
            stopped_by = "quick" if len(halves) >= plan.quick else ""
        elif len(kept) >= fewest and reached <= plan.precision:
            stopped_by = "precision"
        elif len(halves) >= LEAST_PAIRS and spent_s + spent_s / len(halves) > plan.budget_s:
            stopped_by = "budget"
        if not stopped_by:
            expected = _expected(len(halves), reached, plan)
            progress(len(halves), reached, affordable(expected, len(halves), spent_s, plan.budget_s))
    seen = [half.conditions for pair in halves for half in pair]
    return Gathered(
        pairs=tuple(_pair(halves[at]) for at in kept),
        same=_neighbours(halves, kept),
        stopped_by=stopped_by,
        set_aside=len(halves) - len(kept),
        others_cores=_mean(each.others_cores for each in seen),
        others_gpu_share=_mean(each.others_gpu_share for each in seen),
        disturbed=disturbed,
        held_back=tuple(dict.fromkeys(reason for each in seen for reason in each.held_back)),
        marked=sum(any(half.conditions.held_back for half in halves[at]) for at in kept),
        sides=(_side([halves[at][0] for at in kept]), _side([halves[at][1] for at in kept])),
    )


def _disturbed(pairs: Sequence[tuple[Half, Half]]) -> int:
    """Pairs in which another process was busy. Where runs are too short to tell one by one, all of them together do."""
    runs = [half for pair in pairs for half in pair]
    seen = [(half.conditions.others_cores, half.seconds) for half in runs if half.conditions.others_cores is not None]
    spent_s = sum(seconds for _, seconds in seen)
    short = all(seconds < _SEEN_S for _, seconds in seen)
    if short and spent_s >= _SEEN_S and sum(cores * seconds for cores, seconds in seen) > DISTURBED_CORES * spent_s:
        return len(pairs)
    return sum(any(half.shared for half in pair) for pair in pairs)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _side(halves: Sequence[Half]) -> SideConditions:
    seen = [half.conditions for half in halves]
    clocks = [each.sm_clock_mhz for each in seen if each.sm_clock_mhz is not None]
    capped = [each.power_capped for each in seen if each.power_capped is not None]
    return SideConditions(
        sm_clock_mhz=fmean(clocks) if clocks else None,
        temperature_c=max((each.temperature_c for each in seen if each.temperature_c is not None), default=None),
        power_capped_share=sum(capped) / len(capped) if capped else None,
    )


def undisturbed(halves: Sequence[tuple[Half, Half]]) -> list[int]:
    """The pairs in which no other process was busy and nothing held the device back; all where that is less than half.

    Chosen by what was seen around them, never by what was measured, so that the choice favours neither side. A
    machine that is always shared, or always hot, has no quiet pairs: then all are shown, marked; those of a hot one are
    judged, and the noise floor shows what that costs, those of a shared one are not.
    """
    calm = [at for at, pair in enumerate(halves) if not any(half.disturbed for half in pair)]
    return calm if 2 * len(calm) >= len(halves) else list(range(len(halves)))


def judged_of(gathered: Gathered, floor: NoiseFloor, names: tuple[str, str], *, quick: bool = False) -> dict[str, Any]:
    """The fields of a Comparison that follow from the pairs: with verdicts, unless there may be none (see `judge`)."""
    if quick:
        return without_verdict(gathered.pairs, floor, names, "verdict.estimate")
    if gathered.shared:
        return without_verdict(gathered.pairs, floor, names, "verdict.shared")
    return judge(gathered.pairs, floor, names)


def _pair(halves: tuple[Half, Half]) -> Pair:
    return halves[0].run, halves[1].run


def _neighbours(halves: Sequence[tuple[Half, Half]], kept: Sequence[int]) -> tuple[Pair, ...]:
    """Runs of one configuration next to each other, where two pairs meet; of all pairs where the kept have too few."""
    joints = [at for at in kept if at and at - 1 in kept]
    if len(joints) < 2:
        joints = list(range(1, len(halves)))
    return tuple((halves[at - 1][at % 2].run, halves[at][at % 2].run) for at in joints)


def _expected(done: int, reached: float, plan: Plan) -> int:
    """Pairs in all: by what this comparison showed so far, at its beginning by what earlier ones did."""
    if plan.quick:
        return plan.quick
    if math.isfinite(reached) and (done >= FEWEST_PAIRS or plan.expected is None):
        return max(FEWEST_PAIRS, done + 1, round(done * (reached / plan.precision) ** 2))
    return max(done + 1, plan.expected or FEWEST_PAIRS)


def told(done: int, reached: float, expected: int) -> tuple[Message, int, int]:
    """What a progress event says after a pair: the sentence, pairs done, pairs in all."""
    percent = number(100 * reached) if math.isfinite(reached) else "?"
    return say("progress.pair", done=done, percent=percent), done, expected


def expected_pairs(spread: float, precision: float) -> int:
    """Pairs for ±`precision` at a log-ratio's spread of `spread`, as `gather` would take them."""
    return max(FEWEST_PAIRS, pairs_for(spread, precision))


def throttling(gathered: Gathered) -> tuple[Message, ...]:
    """What is to be said of heat, faults, quotas, the power cap and clocks."""
    noted = []
    if gathered.held_back:
        said = {"reasons": ", ".join(gathered.held_back), "pairs": gathered.marked}
        noted.append(say("flag.throttled", **said) if gathered.marked else say("flag.throttled_repeated", **said))
    first, second = gathered.sides
    if first.sm_clock_mhz and second.sm_clock_mhz:
        apart = second.sm_clock_mhz / first.sm_clock_mhz
        if max(apart, 1 / apart) > 1 + CLOCKS_APART:
            clocks = f"{first.sm_clock_mhz:.0f}", f"{second.sm_clock_mhz:.0f}"
            capped = max(first.power_capped_share or 0.0, second.power_capped_share or 0.0)
            code = "flag.clocks_apart_capped" if capped else "flag.clocks_apart"
            noted.append(say(code, a=clocks[0], b=clocks[1]))
    return tuple(noted)


def compared(
    gathered: Gathered,
    sides: tuple[Config, Config],
    resolved: tuple[Resolved, Resolved],
    *,
    floor: NoiseFloor | None = None,
    flags: Sequence[Message] = (),
    **fields: Any,
) -> Comparison:
    """The Comparison that follows from the pairs; the remaining `fields` as they are.

    floor  of earlier comparisons, for a quick estimate, which has too few neighbours to know its own
    """
    quick = gathered.stopped_by == "quick"
    own = floor_of(gathered.same)
    known = own if own.spread or floor is None else floor
    names = names_of(*sides)
    judged = judged_of(gathered, known, names, quick=quick)
    loops = dict.fromkeys((resolved[0].loop, resolved[1].loop))
    noted = [*flags, *gathered.flags, *throttling(gathered)]
    if quick:
        noted.append(say("flag.estimate"))
    elif gathered.stopped_by == "budget" and len(gathered.pairs) < ENOUGH_PAIRS:
        noted.append(say("flag.few_pairs", pairs=len(gathered.pairs)))
    return Comparison(
        a=sides[0].to_dict(),
        b=sides[1].to_dict(),
        resolved_a=resolved[0],
        resolved_b=resolved[1],
        pairs=len(gathered.pairs),
        set_aside=gathered.set_aside,
        floor=known,
        quick=quick,
        shared=gathered.shared,
        loop=" | ".join(loops),
        cpu_busy_elsewhere=gathered.others_cores,
        held_back=gathered.held_back,
        conditions_a=gathered.sides[0],
        conditions_b=gathered.sides[1],
        stopped_by=gathered.stopped_by,
        flags=tuple(noted),
        **judged,
        **fields,
    )
