"""From pairs of runs to a verdict: ratios with intervals, the noise floor, and a sentence. No torch, no clock."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from workbench.config import Config
from workbench.metrics import METRICS, Better
from workbench.results import NoiseFloor
from workbench.stats import ratio_interval, t95
from workbench.words import say
from workbench.words.format import number
from workbench.words.message import Message

COMPARED = ("decode_tps", "prefill_tps", "ttft_s", "tpot_s", "e2e_s")
JUDGED = ("decode_tps", "prefill_tps")  # the precision is asked of these

# knobs whose values say by themselves what they are
_SPEAKING = ("attention", "dtype", "device")
# metric -> value of one run; a pair is a run of a and a run of b, close in time
Run = Mapping[str, float]
Pair = tuple[Run, Run]


def judge(pairs: Sequence[Pair], floor: NoiseFloor, names: tuple[str, str]) -> dict[str, Any]:
    """The fields of a Comparison that follow from the pairs: ratios, intervals, floors and verdicts.

    A difference is seen when the interval of the ratio leaves 1 out and the ratio itself lies outside the noise floor.
    `names` of a and b are for the sentences.
    """
    found: dict[str, Any] = {
        field: {} for field in ("ratio", "ci95", "mean_a", "mean_b", "noise_floor", "smallest_effect", "verdict")
    }
    seen = []
    for metric in COMPARED:
        values = series(pairs, metric)
        ratio, (low, high) = ratio_interval(values)
        by_chance = chance(floor.spread.get(metric, math.inf), len(pairs))
        half_width = math.sqrt(high / low) if low > 0 and math.isfinite(high) else math.inf
        smallest = max(by_chance, half_width)
        differs = (low > 1 or high < 1) and max(ratio, 1 / ratio) > by_chance
        if differs:
            seen.append(metric)
        found["ratio"][metric] = ratio
        found["mean_a"][metric] = fmean(first for first, _ in values)
        found["mean_b"][metric] = fmean(second for _, second in values)
        for field, value, known in (
            ("ci95", (low, high), math.isfinite(half_width)),
            ("noise_floor", by_chance, math.isfinite(by_chance)),
            ("smallest_effect", smallest, math.isfinite(smallest)),
        ):
            if known:
                found[field][metric] = value
        found["verdict"][metric] = (
            difference(metric, names, ratio, (low, high)) if differs else no_difference(metric, smallest)
        )
    return {**found, "seen": tuple(seen), "samples": {metric: tuple(series(pairs, metric)) for metric in COMPARED}}


def without_verdict(pairs: Sequence[Pair], floor: NoiseFloor, names: tuple[str, str], code: str) -> dict[str, Any]:
    """The same where no verdict may be given on any of it: ratios, what is known of their spread, and why.

    code  verdict.estimate: a quick look · verdict.shared: other processes were busy meanwhile
    """
    found = judge(pairs, floor, names)
    said = {
        metric: say(code, a=names[0], b=names[1], what=METRICS[metric].label.lower(), ratio=f"{as_speed:.2f}")
        for metric, ratio in found["ratio"].items()
        for as_speed in [ratio if METRICS[metric].better is Better.HIGHER else 1 / ratio]
    }
    return {**found, "verdict": said, "seen": ()}


def chance(spread: float, pairs: int) -> float:
    """The ratio (≥ 1) that pairs of one configuration stay below in 95 % of cases; `spread` of their log-ratio."""
    return math.exp(t95(pairs - 1) * spread / math.sqrt(pairs)) if pairs > 1 else math.inf


def floor_of(same: Sequence[Pair]) -> NoiseFloor:
    """The noise floor that neighbouring runs of one and the same configuration show; empty for fewer than two pairs."""
    if len(same) < 2:
        return NoiseFloor(spread={}, pairs=len(same))
    return NoiseFloor(spread={metric: stdev(_logs(same, metric)) for metric in COMPARED}, pairs=len(same))


def pairs_for(spread: float, precision: float, most: int = 10_000) -> int:
    """How many pairs whose log-ratio has this spread give an interval of ±`precision`; at most `most`."""
    return next((n for n in range(2, most) if t95(n - 1) * spread / math.sqrt(n) <= precision), most)


def half_width(pairs: Sequence[Pair]) -> float:
    """Of the widest judged log-ratio interval: 0.05 is ±5 %. Infinite for fewer than two pairs."""
    if len(pairs) < 2:
        return math.inf
    return max(t95(len(pairs) - 1) * stdev(_logs(pairs, metric)) / math.sqrt(len(pairs)) for metric in JUDGED)


def names_of(a: Config, b: Config) -> tuple[str, str]:
    """What tells the two apart, in the knobs' own words."""
    differing = a.diff(b)
    first, second = (", ".join(_name(knob, values[side]) for knob, values in differing.items()) for side in (0, 1))
    return first, second


def _name(knob: str, value: Any) -> str:
    return str(value) if knob in _SPEAKING else f"{knob} {value}"


def series(pairs: Sequence[Pair], metric: str) -> list[tuple[float, float]]:
    return [(first[metric], second[metric]) for first, second in pairs]


def _logs(pairs: Sequence[Pair], metric: str) -> list[float]:
    return [math.log(second / first) for first, second in series(pairs, metric)]


def difference(metric: str, names: tuple[str, str], ratio: float, interval: tuple[float, float]) -> Message:
    """The sentence where b ÷ a leaves 1 out; it is turned round where the ratio is below 1."""
    low, high = interval
    better = (ratio > 1) is (METRICS[metric].better is Better.HIGHER)
    if ratio < 1:
        ratio, low, high = 1 / ratio, 1 / high, 1 / low
    return say(
        "verdict.better" if better else "verdict.worse",
        a=names[0],
        b=names[1],
        what=METRICS[metric].label.lower(),
        ratio=f"{ratio:.2f}",
        low=f"{low:.2f}",
        high=f"{high:.2f}",
    )


def no_difference(metric: str, smallest: float) -> Message:
    """The sentence where nothing was seen; `smallest`: the ratio (≥ 1) above which it would have been."""
    percent = number(100 * (smallest - 1)) if math.isfinite(smallest) else "?"
    return say("verdict.none", what=METRICS[metric].label.lower(), percent=percent)
