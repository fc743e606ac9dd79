"""Pairs of short runs that alternate, A B B A A B …, until enough is known: the order, the end, what is set aside.

No torch: the runs may be here, in one worker, or in two. Where two pairs meet, one configuration follows itself; these
neighbours are the A/A pairs that give the noise floor, taken in the same minute as the verdict.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from workbench.config import Config
from workbench.judging import Pair, Run, estimated, floor_of, half_width, judge, names_of, pairs_for
from workbench.results import Comparison, NoiseFloor, Resolved, Workload
from workbench.words import Message, say
from workbench.words.format import number

ENOUGH_PAIRS = 20  # a verdict rests on so many, unless the asked precision comes first
FEWEST_PAIRS = 6  # whatever the precision: the spread of fewer is not known well
LEAST_PAIRS = 3  # whatever the budget: below them there is no noise floor
QUICK_PAIRS = 2
BLOCK_TOKENS = 16  # new tokens of one run
SHARED_CORES = 0.25  # other processes' use above which what was measured is flagged
DISTURBED_CORES = 0.5  # others' use during one run above which its pair is set aside
_SEEN_S = 0.2  # the kernel counts CPU time in steps of 10 ms: shorter runs say nothing of others


def block_of(workload: Workload) -> Workload:
    """The part of `workload` that one run of a pair does: its prompt, and few new tokens."""
    return workload.replace(new_tokens=min(workload.new_tokens, BLOCK_TOKENS))


@dataclass(frozen=True)
class Half:
    """One run of a pair. `others_cores`: used by other processes meanwhile; None: not known."""

    run: Run
    seconds: float
    others_cores: float | None = None

    @property
    def disturbed(self) -> bool:
        return self.others_cores is not None and self.seconds >= _SEEN_S and self.others_cores > DISTURBED_CORES


@dataclass(frozen=True)
class Plan:
    """When to end. `quick`: after so many pairs, whatever they say."""

    precision: float
    budget_s: float
    quick: int = 0
    expected: int | None = None  # pairs that earlier comparisons let expect


@dataclass(frozen=True)
class Gathered:
    """`pairs` and `same` are those that are judged; `set_aside` pairs were not."""

    pairs: tuple[Pair, ...]
    same: tuple[Pair, ...]
    stopped_by: str
    set_aside: int
    others_cores: float | None


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
        reached = half_width([_pair(halves[at]) for at in kept])
        spent_s = time.monotonic() - began
        if plan.quick:
            stopped_by = "quick" if len(halves) >= plan.quick else ""
        elif len(kept) >= FEWEST_PAIRS and reached <= plan.precision:
            stopped_by = "precision"
        elif len(halves) >= LEAST_PAIRS and spent_s + spent_s / len(halves) > plan.budget_s:
            stopped_by = "budget"
        if not stopped_by:
            progress(len(halves), reached, _expected(len(halves), reached, plan))
    cores = [half.others_cores for pair in halves for half in pair if half.others_cores is not None]
    return Gathered(
        pairs=tuple(_pair(halves[at]) for at in kept),
        same=_neighbours(halves, kept),
        stopped_by=stopped_by,
        set_aside=len(halves) - len(kept),
        others_cores=fmean(cores) if cores else None,
    )


def undisturbed(halves: Sequence[tuple[Half, Half]]) -> list[int]:
    """The pairs in which no other process was busy; all of them where that is less than half.

    Chosen by what others did, never by what was measured, so that the choice favours neither side. A machine that is
    always shared has no quiet pairs: then all count, and the noise floor shows what that costs.
    """
    calm = [at for at, pair in enumerate(halves) if not any(half.disturbed for half in pair)]
    return calm if 2 * len(calm) >= len(halves) else list(range(len(halves)))


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
    judged = (estimated if quick else judge)(gathered.pairs, known, names)
    loops = dict.fromkeys((resolved[0].loop, resolved[1].loop))
    noted = [*flags]
    if gathered.others_cores is not None and gathered.others_cores > SHARED_CORES:
        noted.append(say("flag.shared", cores=f"{gathered.others_cores:.1f}"))
    if gathered.set_aside:
        noted.append(say("flag.set_aside", pairs=gathered.set_aside))
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
        loop=" | ".join(loops),
        cpu_busy_elsewhere=gathered.others_cores,
        stopped_by=gathered.stopped_by,
        flags=tuple(noted),
        **judged,
        **fields,
    )
