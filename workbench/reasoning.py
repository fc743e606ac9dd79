"""How well a model answers checkable questions by sampling, alone or against a reference, with intervals."""

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any

from workbench.bench import Bench
from workbench.checks import at_least_one, refuse_impossible
from workbench.config import Config
from workbench.results import Attempt, Attempts, Interval, Reasoning
from workbench.stats import clustered, wilson
from workbench.suites import Question, questions
from workbench.ways import put, restored
from workbench.words import Message, say

ROWS = 8  # answered at once


def reasoning(
    bench: Bench,
    job: int,
    reference: Config | Mapping[str, Any] | None = None,
    *,
    seeds: int = 2,
    max_new_tokens: int | None = None,
    limit: int | None = None,
) -> Reasoning:
    """The configuration in force, and `reference` after it, on the same questions, seeds and sampling settings.

    A mapping changes the configuration in force. What was in force before is in force again afterwards. Kept in the
    store. CapabilityError when the reference is impossible here.

    max_new_tokens  of one answer, thinking included; default: 4096 for a model that thinks, else 512
    limit           of questions, evenly over both languages
    """
    began = time.monotonic()
    asked = questions() if limit is None else _spread(questions(), at_least_one("limit", limit))
    sides = {"candidate": bench.config}
    if reference is not None:
        changed = reference if isinstance(reference, Config) else bench.config.replace(**reference)
        refuse_impossible(changed, bench.machine, bench.facts)
        sides["reference"] = changed
    parameters = {
        "probe": "quality.reasoning",
        "questions": [question.to_dict() for question in asked],
        "seeds": at_least_one("seeds", seeds),
        "max_new_tokens": None if max_new_tokens is None else at_least_one("max_new_tokens", max_new_tokens),
        "rows": ROWS,
    }
    ran: dict[str, Attempts] = {}
    resolved: Any = None
    with restored(bench, job):
        for name, config in sides.items():
            put(bench, job, config)
            data = bench.call(job, "probe", parameters)
            ran[name] = Attempts.from_dict(data["result"])
            resolved = resolved or data["resolved"]
    found = summed_up(ran, asked, seeds, time.monotonic() - began)
    return bench.deliver(job, "reasoning", found, config=bench.config, resolved=resolved)


def summed_up(ran: Mapping[str, Attempts], asked: Sequence[Question], seeds: int, seconds: float) -> Reasoning:
    """Each share with its interval: the sampling unit is the question, whatever the number of its seeds."""

    def shares(of: Callable[[Attempt], float]) -> dict[str, tuple[float, Interval]]:
        return {side: _share(_by_question(attempts, of), seeds) for side, attempts in ran.items()}

    def means(of: Callable[[Attempt], float]) -> dict[str, tuple[float, Interval]]:
        return {
            side: (fmean(values), clustered(values))
            for side, values in ((side, _by_question(attempts, of)) for side, attempts in ran.items())
        }

    first = ran["candidate"]
    accuracy = shares(lambda attempt: attempt.right)
    difference = None
    if "reference" in ran:
        pairs = zip(*(_by_question(ran[side], lambda attempt: attempt.right) for side in ran), strict=True)
        gains = [candidate - reference for candidate, reference in pairs]
        difference = (fmean(gains), clustered(gains))
    flags = tuple({str(flag): flag for attempts in ran.values() for flag in attempts.flags}.values())
    return Reasoning(
        questions=len(asked),
        seeds=seeds,
        sampling=first.sampling,
        max_new_tokens=first.max_new_tokens,
        thinks=first.thinks,
        accuracy=accuracy,
        finished=shares(lambda attempt: attempt.finished),
        looping=shares(lambda attempt: attempt.looping),
        thinking_tokens=means(lambda attempt: attempt.thinking_tokens),
        difference=difference,
        given={side: {question.id: _given(attempts, question) for question in asked} for side, attempts in ran.items()},
        sentence=_sentence(accuracy, difference, len(asked), seeds),
        seconds=seconds,
        flags=(*flags, *_remarks(ran)),
    )


def _by_question(attempts: Attempts, of: Callable[[Attempt], float]) -> list[float]:
    found: dict[str, list[float]] = {}
    for attempt in attempts.attempts:
        found.setdefault(attempt.question, []).append(float(of(attempt)))
    return [fmean(values) for values in found.values()]


def _share(values: Sequence[float], seeds: int) -> tuple[float, Interval]:
    """With all alike, or one seed, the questions are simple trials; a bootstrap of equal values has no width."""
    if seeds == 1 or len(set(values)) == 1:
        return fmean(values), wilson(sum(values), len(values))
    return fmean(values), clustered(values, 0.0, 1.0)


def _given(attempts: Attempts, question: Question) -> tuple[str | None, ...]:
    return tuple(attempt.given for attempt in attempts.attempts if attempt.question == question.id)


def _sentence(
    accuracy: Mapping[str, tuple[float, Interval]],
    difference: tuple[float, Interval] | None,
    count: int,
    seeds: int,
) -> Message:
    share, (low, high) = accuracy["candidate"]
    if difference is None:
        return say("reasoning.alone", share=share, low=low, high=high, count=count, seeds=seeds)
    change, (least, most) = difference
    words = {"share": share, "before": accuracy["reference"][0], "change": change, "low": least, "high": most}
    if least > 0:
        return say("reasoning.better", **words)
    return say("reasoning.worse", **words) if most < 0 else say("reasoning.same", **words)


def _remarks(ran: Mapping[str, Attempts]) -> tuple[Message, ...]:
    cut = [attempt.tokens >= side.max_new_tokens for side in ran.values() for attempt in side.attempts]
    if fmean(cut) < 0.2:
        return ()
    return (say("reasoning.cut", share=fmean(cut), limit=ran["candidate"].max_new_tokens),)


def _spread(asked: Sequence[Question], count: int) -> tuple[Question, ...]:
    """Evenly over both languages."""
    count = min(count, len(asked))
    return tuple(asked[index * len(asked) // count] for index in range(count))
