"""From the rounds of several ways to serve the same requests to verdicts against padding them. No torch, no clock."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from workbench.judging import chance
from workbench.results import Batching, BatchingWay, NoiseFloor, SameTokens
from workbench.stats import positive_mean_interval, ratio_interval
from workbench.words import Message, say, text
from workbench.words.format import interval, measured, number, ratio, seconds, share, size

FEWEST_ROUNDS = 3
JUDGED = "requests_per_s"
AGAINST = "padded"
# metric -> its unit; all of one round, in which every request arrives at time 0
SERVED = {
    "requests_per_s": "requests/s",
    "new_tps": "tok/s",
    "ttft_p50_s": "s",
    "ttft_max_s": "s",
    "latency_p50_s": "s",
    "e2e_s": "s",
}

Samples = Mapping[str, Sequence[float]]  # metric -> one value a round


def widest(samples: Mapping[str, Samples]) -> float:
    """Half width of the widest interval that is judged: of the log-ratios against padding, else of the mean rates."""
    padded = samples.get(AGAINST)
    if padded is None or len(samples) == 1:
        intervals = [positive_mean_interval(each[JUDGED]) for each in samples.values()]
        return max((high - low) / (high + low) for low, high in intervals)
    pairs = [list(zip(padded[JUDGED], each[JUDGED], strict=True)) for name, each in samples.items() if name != AGAINST]
    bounds = [ratio_interval(each)[1] for each in pairs]
    return max(math.log(high / low) / 2 if low > 0 else math.inf for low, high in bounds)


def floor_of(samples: Sequence[Samples]) -> NoiseFloor:
    """What chance shows, from the ways in the order of the first round.

    Rounds go forwards and backwards by turns: where two meet, a way follows itself, the last and the first by turns.
    """
    rounds = min((len(each[JUDGED]) for each in samples), default=0)
    logs = []
    for turn in range(rounds - 1):
        values = samples[-1 if turn % 2 == 0 else 0][JUDGED]
        logs.append(math.log(values[turn + 1] / values[turn]))
    return NoiseFloor(spread={JUDGED: stdev(logs)} if len(logs) > 1 else {}, pairs=len(logs))


def numbers_of(samples: Samples, padded: Samples | None) -> dict[str, Any]:
    """The fields of a BatchingWay that follow from its rounds; `padded`: those of the way that it is set against."""
    intervals = {metric: positive_mean_interval(values) for metric, values in samples.items()}
    ratios = {}
    if padded is not None:
        ratios = {name: ratio_interval(list(zip(padded[name], samples[name], strict=True))) for name in samples}
    return {
        "rounds": len(samples[JUDGED]),
        "mean": {metric: fmean(values) for metric, values in samples.items()},
        "ci95": {metric: bounds for metric, bounds in intervals.items() if math.isfinite(bounds[1])},
        "ratio": {metric: times for metric, (times, _) in ratios.items()},
        "ratio_ci95": {metric: bounds for metric, (_, bounds) in ratios.items() if math.isfinite(bounds[1])},
    }


def verdict(way: BatchingWay, floor: NoiseFloor) -> Message | None:
    """Requests/s against padding, where the interval and the noise floor allow to say; None for padding itself."""
    if JUDGED not in way.ratio:
        return None
    times, (low, high) = way.ratio[JUDGED], way.ratio_ci95.get(JUDGED, (0.0, math.inf))
    by_chance = chance(floor.spread.get(JUDGED, math.inf), way.rounds)
    half_width = math.sqrt(high / low) if low > 0 and math.isfinite(high) else math.inf
    name = way_words(way.name)
    if (low > 1 or high < 1) and max(times, 1 / times) > by_chance:
        code = "batching.faster" if times > 1 else "batching.slower"
        shown = [f"{value:.2f}" for value in ((times, low, high) if times > 1 else (1 / times, 1 / high, 1 / low))]
        return say(code, way=name, ratio=shown[0], low=shown[1], high=shown[2])
    smallest = max(by_chance, half_width)
    return say("batching.no_difference", way=name, percent=number(100 * (smallest - 1)) if smallest < math.inf else "?")


def way_words(name: str) -> str:
    return text(f"batching.way.{name}")


def rows_of(found: Batching) -> tuple[tuple[str, ...], list[tuple[str, ...]], list[str]]:
    """The ways as a table: the heading, a row for each that ran, and what is to be said under it."""
    names = ("way", "batches", "requests", "against", "new", "ttft_p50", "ttft_max", "latency")
    heading = tuple(text(f"batching.head.{name}") for name in (*names, "padding", "idle", "peak", "tokens"))
    rows = [_row(way) for way in found.ways if way.why_not is None]
    said = [
        str(
            say(
                "batching.requests",
                requests=len(found.lengths),
                shortest=min(found.lengths),
                longest=max(found.lengths),
                fewest=min(found.answers),
                most=max(found.answers),
            )
        )
    ]
    for way in found.ways:
        if way.why_not is not None:
            said.append(f"{way_words(way.name)}: {way.why_not}")
        if way.verdict is not None:
            said.append(str(way.verdict))
        if way.tokens is not None and way.tokens.differing:
            said.append(f"{way_words(way.name)}: {tokens_words(way.tokens)}")
        if way.setup_s:
            said.append(f"{way_words(way.name)}: {text('batching.kept_apart', setup=seconds(way.setup_s))}")
    return heading, rows, said


def tokens_words(same: SameTokens) -> str:
    """Whether the answers are those of each prompt alone, in a sentence."""
    if same.first is None:
        return text("batching.same")
    return text(
        "batching.near_tie" if same.near_tie else "batching.other",
        differing=same.differing,
        requests=same.requests,
        row=same.first.row + 1,
        index=same.first.index + 1,
        text_a=same.first.text_a,
        text_b=same.first.text_b,
        margin=number(same.first.margin, 2),
    )


def _row(way: BatchingWay) -> tuple[str, ...]:
    def value(metric: str) -> str:
        return measured(way.mean[metric], way.ci95.get(metric), SERVED[metric])

    ratio_words = f"{ratio(way.ratio[JUDGED])} {interval(way.ratio_ci95.get(JUDGED))}" if way.ratio else "–"
    shapes = way.shapes
    return (
        way_words(way.name),
        _batches(way.batches),
        value("requests_per_s"),
        ratio_words,
        value("new_tps"),
        *(seconds(way.mean[name]) for name in ("ttft_p50_s", "ttft_max_s", "latency_p50_s")),
        share(shapes.padding if shapes else None),
        share(shapes.idle if shapes else None),
        size(way.peak_bytes),
        _short(way.tokens),
    )


def _batches(rows: Sequence[int]) -> str:
    return f"{len(rows)} × {rows[0]}" if len(rows) > 2 and len(set(rows)) == 1 else " + ".join(map(str, rows))


def _short(same: SameTokens | None) -> str:
    if same is None:
        return text("format.not_measured")
    code = "same" if not same.differing else "near_tie" if same.near_tie else "other"
    return text(f"batching.tokens.{code}", differing=same.differing)
