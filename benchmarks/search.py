"""A search of a large space against tries at random: simulated, over drawn effects and noise measured here.

The space is one of knobs as they are: which of them has an effect beside the others, and which pairs are impossible, is
`Config`'s own word. A landscape is drawn for every seed: an effect of every value, one of every pair of values, and a
little of each point's own, all as logarithms. Noise is that of `race`. Both sides race what they try by the same rules;
the tries at random are as many points, in the same number of batches.
"""

import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product
from statistics import fmean

from benchmarks.race import RULES, land, stream
from benchmarks.record import Outcome, Row
from workbench.config import Config
from workbench.stats import mean_interval
from workbench.sweep.proposing import Proposer
from workbench.sweep.racing import Race
from workbench.sweep.searching import Proposes, Reach, Search
from workbench.sweep.space import checked, load_of, meant

QUESTION = "a search by Optuna ÷ tries at random of as many points, simulated over drawn effects and measured noise"
SEEDS = tuple(range(100, 120))  # others than those on which the settings of the search were chosen
NEAR = 0.97  # of the true best, which counts as near it
REACH = Reach()
BASE = Config(device="cpu", dtype="float32", threads=1, attention="eager")
SPACE = {
    "dtype": ["float32", "bfloat16"],
    "quantization": ["none", "torchao-int8-weight", "hqq-int4"],
    "group_size": [32, 64, 128],
    "attention": ["eager", "sdpa"],
    "sdpa_backend": ["auto", "math", "flash"],
    "cache": ["dynamic", "static", "quantized"],
    "cache_bits": [2, 4, 8],
    "compile": ["off", "default", "max-autotune"],
    "threads": [1, 2, 4, 8],
}
_VALUE, _PAIR, _OWN = 0.12, 0.04, 0.01  # standard deviations of effects


@cache
def points() -> tuple[Config, ...]:
    """All points of SPACE, each once."""
    values = checked(SPACE)
    found = dict.fromkeys(
        point
        for combination in product(*values.values())
        if (point := meant(dict(zip(values, combination, strict=True)), BASE)[0]) is not None
    )
    return tuple(found)


def drawn(seed: int) -> dict[Config, float]:
    """A landscape: logarithm of each point's gain, of which more is better."""
    generator = random.Random(f"landscape {seed}")
    effects: dict[object, float] = {}

    def effect(of: object, spread: float) -> float:
        return effects.setdefault(of, generator.gauss(0, spread))

    gains = {}
    for point in points():
        told = [(knob, repr(point[knob])) for knob in SPACE if point.matters(knob)]
        gains[point] = (
            sum(effect(one, _VALUE) for one in told)
            + sum(effect(pair, _PAIR) for pair in combinations(told, 2))
            + generator.gauss(0, _OWN)
        )
    return gains


class AtRandom:
    """Tries at random, batched by loads as the search's are."""

    def __init__(self, all_points: Sequence[Config], seed: int) -> None:
        self.points = tuple(all_points)
        self._seed = seed

    def ask(self, tried: Sequence[Config], turn: int, *, loads: int, each: int) -> list[Config]:
        generator = random.Random(f"{self._seed} {turn}")
        left = [point for point in self.points if point not in set(tried)]
        found: list[Config] = []
        for _ in range(loads):
            if not left:
                break
            load = load_of(generator.choice(left))
            here = [point for point in left if load_of(point) == load]
            chosen = generator.sample(here, min(each, len(here)))
            found += chosen
            left = [point for point in left if point not in set(chosen)]
        return found

    def tell(self, point: Config, gain: float | None, broken: Mapping[str, float]) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Searched:
    """share: of the space's points, that were tried · ratio: of the winner to the true best."""

    tried: int
    share: float
    ratio: float
    runs: int
    loads: int
    batches: int
    ended_by: str


def simulate(seed: int, make: Callable[[Sequence[Config]], Proposes], reach: Reach = REACH) -> Searched:
    """One search over the landscape of `seed`, by a race as a sweep runs it."""
    gains = drawn(seed)
    noise = stream(land("decode").noise, random.Random(seed))
    proposer = make(tuple(gains))
    base = BASE if BASE in gains else next(iter(gains))
    search = Search(base, len(gains), lambda: proposer, reach, RULES.precision, base_enters=True)
    race = Race([0], RULES, together=lambda _a, _b: True, most=reach.proposals + 1)
    race.widening = True
    runs = loads = 0
    warm: set[int] = set()

    def widened() -> bool:
        if not race.widening:
            return False
        if search.batches:
            search.heard(race, lambda _arm: False, lambda _arm: {})
        found = search.propose()
        if found:
            groups = search.group(found)
            search.entered(found, groups)
            race.admit(groups)
        race.widening = bool(found)
        return True

    widened()
    while True:
        step = race.next()
        if step is None:
            if not widened():
                break
            continue
        loads += len(step.loads)
        warm = {arm for arm in warm if race.groups[arm] not in step.loads}
        for _ in set(step.arms) - warm:
            next(noise)
        runs += len(set(step.arms) - warm) + len(step.arms)
        warm |= set(step.arms)
        race.tell(step, {arm: gains[search.tried[arm]] + next(noise) for arm in step.arms})
    winner = search.tried[race.ranked[0]]
    return Searched(
        tried=search.count,
        share=search.count / len(gains),
        ratio=math.exp(gains[winner] - max(gains.values())),
        runs=runs,
        loads=loads,
        batches=search.batches,
        ended_by=search.ended or "",
    )


def searched(seed: int, reach: Reach = REACH) -> Searched:
    return simulate(
        seed, lambda all_points: Proposer(all_points, tuple(SPACE), "s", seed=seed, startup=reach.blind), reach
    )


def at_random(seed: int, count: int, reach: Reach = REACH) -> Searched:
    """As many points, whatever they bring."""
    blind = Reach(**{**vars(reach), "proposals": count, "patience": 10**6})
    return simulate(seed, lambda all_points: AtRandom(all_points, seed), blind)


def both(seeds: Iterable[int]) -> list[tuple[Searched, Searched]]:
    """Of each seed the search, and tries at random of as many points."""
    found = []
    for seed in seeds:
        search = searched(seed)
        found.append((search, at_random(seed, search.tried)))
    return found


def advantage(pairs: Sequence[tuple[Searched, Searched]]) -> tuple[float, float]:
    """95 % interval of the mean log-ratio of the winners, search ÷ random, paired by seed."""
    return mean_interval([math.log(search.ratio / blind.ratio) for search, blind in pairs])


def run(_budget_s: float) -> Outcome:
    """20 landscapes."""
    pairs = both(SEEDS)
    searches, blind = [each[0] for each in pairs], [each[1] for each in pairs]
    near = sum(each.ratio >= NEAR for each in searches)
    low, high = map(math.exp, advantage(pairs))
    mean = math.exp(fmean(math.log(search.ratio / other.ratio) for search, other in pairs))
    rows = [
        Row(f"winner within {100 * (1 - NEAR):.0f} % of the true best", near, f"of {len(SEEDS)}"),
        Row("the same, at random", sum(each.ratio >= NEAR for each in blind), f"of {len(SEEDS)}"),
        Row("winner ÷ true best, mean", fmean(each.ratio for each in searches), "×"),
        Row("winner ÷ true best, worst", min(each.ratio for each in searches), "×"),
        Row("winner ÷ true best at random, mean", fmean(each.ratio for each in blind), "×"),
        Row("winner ÷ that at random, paired, geometric mean", mean, "×"),
        Row("winner ÷ that at random, lower end of 95 %", low, "×"),
        Row("winner ÷ that at random, upper end of 95 %", high, "×"),
        Row("points tried of the space, mean", 100 * fmean(each.share for each in searches), "%"),
        Row("points tried of the space, most", 100 * max(each.share for each in searches), "%"),
        Row("runs, mean", fmean(each.runs for each in searches), ""),
        Row("loads, mean", fmean(each.loads for each in searches), ""),
        Row("loads at random, mean", fmean(each.loads for each in blind), ""),
    ]
    conditions = {
        "configurations": len(points()),
        "loads": len({load_of(point) for point in points()}),
        "precision": RULES.precision,
        "proposals, at most": REACH.proposals,
        "seeds": len(SEEDS),
    }
    samples = {
        "search ÷ true best": [each.ratio for each in searches],
        "random ÷ true best": [each.ratio for each in blind],
    }
    return Outcome("search", QUESTION, tuple(rows), conditions, samples)
