"""Ending an answer at a sentence while it is written, beside cutting it afterwards: what each saves."""

import time
from collections.abc import Sequence
from statistics import fmean

from workbench.bench import Bench
from workbench.checks import at_least_one
from workbench.errors import ConfigError
from workbench.results import StoppedAnswer, StoppedRuns, Stopping
from workbench.stats import ratio_interval
from workbench.suites import decoding_prompts
from workbench.words import Message, say

PROMPTS = 6  # of the built-in ones, evenly over languages and code


def stopping(
    bench: Bench,
    job: int,
    after: int = 16,
    *,
    prompts: Sequence[str] | None = None,
    max_new_tokens: int = 64,
    rounds: int = 1,
) -> Stopping:
    """Whole answers against answers that a criterion ends at the first sentence end from `after` tokens on.

    Kept in the store. ConfigError where `after` leaves nothing to save.
    """
    began = time.monotonic()
    if at_least_one("after", after) >= at_least_one("max_new_tokens", max_new_tokens):
        raise ConfigError("stopping.nothing_to_save", after=after, new=max_new_tokens)
    texts = _spread() if prompts is None else list(prompts)
    if not texts or not all(isinstance(each, str) and each.strip() for each in texts):
        raise ConfigError("session.no_prompts", given=repr(prompts)[:80])
    parameters = {
        "probe": "stopping",
        "prompts": texts,
        "after": after,
        "max_new_tokens": max_new_tokens,
        "rounds": at_least_one("rounds", rounds),
    }
    data = bench.call(job, "probe", parameters)
    answers = StoppedRuns.from_dict(data["result"]).answers
    found = summed_up(answers, after, max_new_tokens, rounds, time.monotonic() - began)
    found = found.model_copy(update={"flags": (*found.flags, *bench.facts.notes)})
    return bench.deliver(job, "stopping", found, config=bench.config, resolved=data["resolved"])


def summed_up(
    answers: Sequence[StoppedAnswer], after: int, max_new_tokens: int, rounds: int, seconds: float
) -> Stopping:
    """Geometric means of the ratios by prompt: the prompt is the sampling unit, whatever its rounds."""
    stop_ratio, stop_bounds = ratio_interval([(each.whole_s, each.stopped_s) for each in answers])
    cut_ratio, cut_bounds = ratio_interval([(each.whole_s, each.whole_s + each.cut_s) for each in answers])
    whole, stopped = (fmean(getattr(each, name) for each in answers) for name in ("whole_tokens", "stopped_tokens"))
    saved = 1 - stopped / whole
    differ = sum(not each.same for each in answers)
    return Stopping(
        after=after,
        max_new_tokens=max_new_tokens,
        rounds=rounds,
        answers=tuple(answers),
        stop_ratio=stop_ratio,
        stop_ratio_ci95=stop_bounds,
        cut_ratio=cut_ratio,
        cut_ratio_ci95=cut_bounds,
        tokens_saved=saved,
        verdict=_verdict(stop_ratio, stop_bounds, cut_ratio, saved),
        seconds=seconds,
        flags=(say("stopping.differ", count=differ, answers=len(answers)),) if differ else (),
    )


def _verdict(ratio: float, bounds: tuple[float, float], cut: float, saved: float) -> Message:
    low, high = bounds
    code = "stopping.saves" if high < 1 else "stopping.costs" if low > 1 else "stopping.no_difference"
    return say(code, ratio=ratio, low=low, high=high, cut=cut, tokens=saved)


def _spread() -> list[str]:
    texts = [prompt.text for prompt in decoding_prompts()]
    return [texts[index * len(texts) // PROMPTS] for index in range(PROMPTS)]
