"""A race against measuring every configuration as well as the winner: simulated, over effects and noise measured here.

Effects are what the kept benchmark `grid` saw of 22 configurations in two loads (float32, bfloat16). Noise is that of
the 182 successive runs of `compare`, each less its configuration's mean, drawn in blocks of neighbouring runs (Künsch
1989, The Annals of Statistics 17), which keeps their drift, autocorrelation and heavy tails.
"""

import json
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

from benchmarks.record import Outcome, Row
from workbench.judging import pairs_for
from workbench.stats import ratio_interval
from workbench.sweep.racing import Race
from workbench.sweep.rules import Rules

QUESTION = "a race ÷ every configuration measured as well as its winner, simulated over measured effects and noise"
RESULTS = Path(__file__).parent / "results" / "benchmarks.json"
SEEDS = 20
MOST_SHARE = 0.4
RULES = Rules(precision=0.02)
_LONGEST = "bfloat16, 300 s {metric} {side}"  # the comparison with the most pairs
_BLOCK = 24  # neighbouring runs drawn together
METRICS = ("decode", "prefill")


@dataclass(frozen=True)
class Land:
    """What is measured: logarithm of each arm's gain, its group, and the noise of runs in their order.

    run_s, load_s  seconds of one run and of one load, as they were measured
    """

    gains: tuple[float, ...]
    groups: tuple[int, ...]
    noise: tuple[float, ...]
    run_s: float
    load_s: float


@dataclass(frozen=True)
class Raced:
    """One simulated race. Runs count warm-ups and the reference's; `ratio`: race's winner ÷ that of the exhaustive."""

    same: bool
    inside: bool
    runs: int
    loads: int
    seconds: float
    all_runs: int
    all_loads: int
    all_seconds: float
    short: float  # of the true best, by the race's winner: a ratio
    dropped_best: bool

    @property
    def share(self) -> float:
        return self.seconds / self.all_seconds


def land(metric: str) -> Land:
    """Of the kept results. The base line is arm 0, its load group 0."""
    kept = {each["name"]: each for each in json.loads(RESULTS.read_text(encoding="utf-8"))["result"]["benchmarks"]}
    grid = {name: values for name, values in kept["grid"]["samples"].items() if name.endswith(f" {metric}")}
    base = next(name for name in grid if name.startswith("bfloat16, 1 thread, sdpa, dynamic"))
    names = [base, *(name for name in grid if name != base)]
    dtypes = list(dict.fromkeys(name.partition(",")[0] for name in names))
    compared = kept["compare"]
    sides = [compared["samples"][_LONGEST.format(metric=f"{metric}_tps", side=side)] for side in ("eager", "sdpa")]
    rest = [[math.log(value) - fmean(map(math.log, side)) for value in side] for side in sides]
    noise = [
        rest[side][at] for at in range(len(rest[0])) for side in ((1, 0) if at % 2 else (0, 1))
    ]  # pairs went A B, B A, A B …
    taken = next(row["value"] for row in compared["rows"] if row["what"] == "taken, bfloat16, 300 s")
    reload = next(row["value"] for row in kept["reload"]["rows"] if row["what"].startswith("apply(dtype"))
    return Land(
        gains=tuple(fmean(map(math.log, grid[name])) for name in names),
        groups=tuple(dtypes.index(name.partition(",")[0]) for name in names),
        noise=tuple(noise),
        run_s=taken / len(noise),
        load_s=reload,
    )


def stream(noise: Sequence[float], generator: random.Random) -> Iterator[float]:
    """Noise of one run after the other, without end."""
    while True:
        begin = generator.randrange(len(noise) - _BLOCK)
        yield from noise[begin : begin + _BLOCK]


def simulate(place: Land, seed: int, rules: Rules = RULES, *, together: bool = True) -> Raced:
    """One race, and then the exhaustive measurement by the same device."""
    runs = stream(place.noise, random.Random(seed))
    race = Race(place.groups, rules, together=lambda _a, _b: together)
    count = loads = 0
    warm: set[int] = set()
    while step := race.next():
        loads += len(step.loads)
        warm = {arm for arm in warm if place.groups[arm] not in step.loads}
        for _ in set(step.arms) - warm:  # first use: a run that does not count
            next(runs)
            count += 1
        warm |= set(step.arms)
        race.tell(step, {arm: place.gains[arm] + next(runs) for arm in step.arms})
        count += len(step.arms)
    winner = race.ranked[0]
    rounds = pairs_for(math.sqrt(2) * stdev(_still(place.noise)), rules.precision)
    seen: dict[int, list[float]] = {arm: [] for arm in range(len(place.gains))}
    for _ in range(rounds):
        for arm in seen:
            seen[arm].append(place.gains[arm] + next(runs))
    best = max(seen, key=lambda arm: fmean(seen[arm]))
    pairs = [(math.exp(a), math.exp(b)) for a, b in zip(seen[best], seen[winner], strict=True)]
    all_loads = len(set(place.groups))
    all_runs = (rounds + 1) * len(place.gains)
    truth = max(place.gains)
    return Raced(
        same=winner == best,
        inside=winner == best or ratio_interval(pairs)[1][1] >= 1,
        runs=count,
        loads=loads,
        seconds=count * place.run_s + loads * place.load_s,
        all_runs=all_runs,
        all_loads=all_loads,
        all_seconds=all_runs * place.run_s + all_loads * place.load_s,
        short=math.exp(place.gains[winner] - truth),
        dropped_best=place.gains.index(truth) in race.dropped,
    )


def _still(noise: Sequence[float]) -> list[float]:
    """Noise without what neighbours share: half the differences of pairs, scaled back to one run."""
    return [(second - first) / math.sqrt(2) for first, second in zip(noise[::2], noise[1::2], strict=True)]


def run(_budget_s: float) -> Outcome:
    """Both landscapes, 20 seeds each: decode has a clear front, prefill many that lie close together."""
    rows: list[Row] = []
    samples: dict[str, list[float]] = {}
    for metric in METRICS:
        place = land(metric)
        raced = [simulate(place, seed) for seed in range(SEEDS)]
        agree = sum(each.inside for each in raced)
        rows += [
            Row(f"{metric}: winner not the exhaustive one, nor inside its interval", SEEDS - agree, "", limit=1),
            Row(f"{metric}: winner the same", sum(each.same for each in raced), f"of {SEEDS}"),
            Row(f"{metric}: best dropped", sum(each.dropped_best for each in raced), f"of {SEEDS}"),
            Row(f"{metric}: winner ÷ true best, worst", min(each.short for each in raced), "×"),
            Row(f"{metric}: cost ÷ exhaustive, mean", 100 * fmean(each.share for each in raced), "%"),
            Row(f"{metric}: cost ÷ exhaustive, most", 100 * max(each.share for each in raced), "%", limit=40),
            Row(f"{metric}: runs, mean", fmean(each.runs for each in raced), ""),
            Row(f"{metric}: runs, exhaustive", raced[0].all_runs, ""),
            Row(f"{metric}: loads, mean", fmean(each.loads for each in raced), ""),
            Row(f"{metric}: loads, exhaustive", raced[0].all_loads, ""),
        ]
        samples[f"{metric} share"] = [each.share for each in raced]
    place = land(METRICS[0])
    conditions = {
        "configurations": len(place.gains),
        "loads": len(set(place.groups)),
        "precision": RULES.precision,
        "seeds": SEEDS,
        "runs of noise": len(place.noise),
    }
    return Outcome("race", QUESTION, tuple(rows), conditions, samples)
