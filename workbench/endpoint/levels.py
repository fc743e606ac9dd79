"""From the moments of many answers to one level's numbers: vLLM's definitions, and no percentile of too few samples."""

import math
from collections.abc import Callable, Sequence
from statistics import fmean

from workbench.endpoint.client import Timed
from workbench.endpoint.load import Tally
from workbench.results import EndpointLatency, EndpointLevel, EndpointTarget, Interval
from workbench.results.endpoint import Counted
from workbench.stats import percentile, quantile_interval, wilson

# percentile -> the least samples it is told from
LEAST = {0.5: 3, 0.95: 20, 0.99: 100}
# texts -> how many tokens each is, by the bench's tokenizer
Counter = Callable[[list[str]], list[int]]


def level(tally: Tally, target: EndpointTarget, count: Counter | None) -> EndpointLevel:
    """The numbers of a load. `count` counts tokens where the server does not."""
    answers = tally.answers
    counted, tokens = _tokens(answers, count)
    first = [each.stamps[0] - each.began for each in answers if each.stamps]
    whole = [_e2e(each) for each in answers]
    per_token = [_tpot(each, size) for each, size in zip(answers, tokens, strict=True)]
    gaps = [later - earlier for each in answers for earlier, later in zip(each.stamps, each.stamps[1:], strict=False)]
    good = _good(answers, per_token, target)
    known = [size for size in tokens if size is not None]
    chunks = sum(len(each.stamps) for each in answers)
    prompts = [each.reply.prompt_tokens for each in answers if each.reply.prompt_tokens is not None]
    seconds = tally.seconds
    bounds = wilson(good, len(answers)) if good is not None and answers else None
    return EndpointLevel(
        concurrency=tally.plan.concurrency,
        rate=tally.plan.rate,
        requests=tally.begun,
        ok=len(answers),
        errors=dict(tally.errors),
        cut=tally.cut,
        seconds=seconds,
        rps=len(answers) / seconds,
        output_tps=sum(known) / seconds if known and len(known) == len(answers) else None,
        new_tokens=fmean(known) if known else None,
        prompt_tokens=fmean(prompts) if prompts else None,
        per_chunk=sum(known) / chunks if chunks and known and len(known) == len(answers) else None,
        counted=counted,
        ttft=latency(first),
        tpot=latency([each for each in per_token if each is not None]),
        itl=latency(gaps, independent=False),
        e2e=latency(whole),
        good=good,
        goodput_rps=None if good is None else good / seconds,
        goodput_ci95=(bounds[0] * len(answers) / seconds, bounds[1] * len(answers) / seconds) if bounds else None,
        own_share=tally.cpu_s / seconds,
        lag_s=tally.lag_s,
        most_open=tally.most_open,
        ended_by=tally.ended_by,
    )


def latency(samples: Sequence[float], *, independent: bool = True) -> EndpointLatency | None:
    """Of seconds; None for none. Gaps of one answer are not independent: they get no interval."""
    if not samples:
        return None
    at = {share: percentile(samples, share) if len(samples) >= least else None for share, least in LEAST.items()}
    return EndpointLatency(
        n=len(samples),
        mean=fmean(samples),
        p50=at[0.5],
        p95=at[0.95],
        p99=at[0.99],
        p50_ci95=_bounds(samples, 0.5) if independent and at[0.5] is not None else None,
        p95_ci95=_bounds(samples, 0.95) if independent and at[0.95] is not None else None,
    )


def _bounds(samples: Sequence[float], share: float) -> Interval | None:
    """None where so few samples leave an end open."""
    bounds = quantile_interval(samples, share)
    return bounds if all(map(math.isfinite, bounds)) else None


def _tokens(answers: Sequence[Timed], count: Counter | None) -> tuple[Counted, list[int | None]]:
    """(how they were counted, the new tokens of each answer)."""
    told = [each.reply.new_tokens or (len(each.reply.ids) or None) for each in answers]
    if all(size is not None for size in told):
        return "usage", told
    if count is not None:
        return "tokenizer", list(count([each.reply.text for each in answers]))
    return "chunks", [None] * len(answers)


def _e2e(each: Timed) -> float:
    """Submit → last new token available; of an answer in one piece, or without text, its end."""
    return (each.stamps[-1] if each.stamps else each.ended) - each.began


def _tpot(each: Timed, size: int | None) -> float | None:
    """(E2E − TTFT) ÷ (new tokens − 1); None where the tokens or their moments are not known."""
    if size is None or size < 2 or len(each.stamps) < 2:
        return None
    return (each.stamps[-1] - each.stamps[0]) / (size - 1)


def _good(answers: Sequence[Timed], per_token: Sequence[float | None], target: EndpointTarget) -> int | None:
    """How many met the target; None where there is none, or where what it is on was not measured."""
    if target == EndpointTarget():
        return None
    good = 0
    for each, tpot in zip(answers, per_token, strict=True):
        if not each.reply.streamed and (target.ttft_s is not None or target.tpot_s is not None):
            return None
        # an answer of no token or of one has no second to be late
        if target.tpot_s is not None and tpot is None and each.reply.new_tokens not in (0, 1):
            return None
        first = (each.stamps[0] if each.stamps else each.ended) - each.began
        within = ((target.ttft_s, first), (target.tpot_s, tpot or 0.0), (target.e2e_s, _e2e(each)))
        good += all(limit is None or value <= limit for limit, value in within)
    return good
