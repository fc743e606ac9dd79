"""A candidate against a stored reference: the same text, the reference's own answers, and answers of its own."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from workbench import overlap
from workbench.errors import ModelError
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.quality import choices, decode, routing
from workbench.probes.quality.answers import degeneration, parts_at
from workbench.probes.quality.distributions import Kept, Rows, compare
from workbench.probes.quality.logits import Reader, vocabulary_of
from workbench.probes.quality.statistics import statistics
from workbench.probes.quality.stored import Stored, refuse_other_vocabulary
from workbench.probes.quality.texts import Progress, check_tokenizer, compared, domain_name
from workbench.results import (
    AnswerPair,
    Degeneration,
    QualityDiff,
    Reference,
    ReferenceAnswer,
    Statistics,
)
from workbench.suites import Suite
from workbench.verdicts import judged
from workbench.words import say


def run(bench: Bench, params: dict[str, Any], context: Context) -> QualityDiff:
    """params: suite (as a dict), reference (as a dict).

    ModelError: the tokenizer does not give the text back, another vocabulary, or no finite logits at all.
    """
    began = time.monotonic()
    context.enter(say("phase.quality_candidate"))
    suite, reference = Suite.from_dict(params["suite"]), Reference.from_dict(params["reference"])
    vocabulary = vocabulary_of(bench)
    refuse_other_vocabulary(reference, vocabulary, bench.facts.name)
    check_tokenizer(bench, suite)
    answered = reference.answers
    positions = sum(one.positions for one in reference.texts)
    progress = Progress(context, positions + 2 * suite.answer_tokens * len(answered))
    with Stored(reference) as stored:
        rows = _texts(bench, reference, stored, context, progress)
        own = _answers(bench, answered, suite.answer_tokens, stored, context, progress) if answered else None
    scored = choices.scores(bench, suite.choices, Context(context.emit, context.stop)) if suite.choices else []
    experts = routing.record(bench, [one.tokens for one in reference.texts], context)
    overall = statistics(Rows.join(rows), [len(part) for part in rows])
    if overall is None:
        raise ModelError("quality.all_bad", name=bench.facts.name, dtype=bench.resolved().dtype, positions=positions)
    resolved = bench.resolved()
    found = QualityDiff(
        reference=reference.config,
        candidate=bench.config.to_dict(),
        suite=suite.name,
        suite_hash=suite.hash,
        overall=overall,
        by_domain=_by_domain(reference, rows),
        noise_floor=reference.floor,
        decode_path=own.along if own else None,
        answers=own.pairs if own else (),
        degeneration=own.degeneration if own else None,
        choices=choices.flips(suite.choices, _with_nan(reference.choices), scored) if scored else None,
        routing=routing.changed(reference.routing, experts),
        weight_bytes=resolved.weight_bytes,
        reference_bytes=reference.weight_bytes,
        verdict=say("quality.unjudged"),
        seconds=time.monotonic() - began,
        reference_seconds=0.0,
    )
    return judged(found, resolved, reference, bench.facts, _calibrating(bench, reference))


def _calibrating(bench: Bench, reference: Reference) -> dict[str, float] | None:
    """Domain -> how much of the tokens judged stands in the text that calibrated the weights; None: not known."""
    known = overlap.unpacked(getattr(bench.model.config, "workbench_calibration_marks", None))
    if known is None:
        return None
    texts: dict[str, list[str]] = {}
    for one in reference.texts:
        texts.setdefault(one.domain, []).append(bench.tokenizer.decode(one.tokens, skip_special_tokens=True))
    return {domain: overlap.share(parts, known) for domain, parts in texts.items()}


def _texts(bench: Bench, reference: Reference, stored: Stored, context: Context, progress: Progress) -> list[Rows]:
    """Passage by passage."""
    reader = Reader(bench, context)
    rows = []
    for one in reference.texts:
        rows.append(compared(bench, reader, one, stored))
        progress.tell("progress.quality_text", one.positions, domain=domain_name(one.domain))
    return rows


def _by_domain(reference: Reference, rows: Sequence[Rows]) -> dict[str, Statistics]:
    """Domains without a single good position are left out."""
    found = {}
    for domain in dict.fromkeys(one.domain for one in reference.texts):
        parts = [part for one, part in zip(reference.texts, rows, strict=True) if one.domain == domain]
        if (block := statistics(Rows.join(parts), [len(part) for part in parts])) is not None:
            found[domain] = block
    return found


@dataclass(frozen=True)
class _Answered:
    """along: of the reference's own answers, None without finite logits; pairs: of the candidate's own beside them."""

    along: Statistics | None
    pairs: tuple[AnswerPair, ...]
    degeneration: Degeneration


def _answers(
    bench: Bench, answered: Sequence[ReferenceAnswer], count: int, stored: Stored, context: Context, progress: Progress
) -> _Answered:
    """Answers of `count` tokens, a token a step over the cache in force, in one batch.

    Its first half is led along the reference's own answers, its second half is the candidate's own choice: a step
    reads the weights once for both.
    """
    half = len(answered)
    steps: list[Rows] = []
    likely = decode.Likely()

    def on_step(step: int, scores: torch.Tensor) -> None:
        kept = [stored[answer.start + step : answer.start + step + 1] for answer in answered]
        steps.append(compare(scores[:half], Kept.join(kept).to(scores.device), None))
        likely.on_step(step, scores[half:])
        progress.tell("progress.quality_answers", 2 * half, step=step + 1, steps=count)

    led = torch.tensor([answer.tokens for answer in answered], dtype=torch.long)
    forced = torch.cat([led, torch.full_like(led, -1)])
    prompts = [answer.prompt_tokens for answer in answered]
    tokens = decode.answers(bench, [*prompts, *prompts], count, context, on_step, forced)[half:]
    lengths, ended = decode.ends(bench, tokens)
    pieces = likely.pairs(bench.tokenizer, tokens, lengths)
    own = [tokens[row, :length].tolist() for row, length in enumerate(lengths)]
    theirs = [list(answer.tokens[: answer.length]) for answer in answered]
    pairs = []
    for row, answer in enumerate(answered):
        at = parts_at(theirs[row], own[row])
        pairs.append(
            AnswerPair(
                prompt=answer.prompt,
                domain=answer.domain,
                reference=answer.pieces,
                candidate=pieces[row],
                parts_at=at,
                margin=_margin(answer, stored, at, own[row]),
            )
        )
    both = [(answer.ended, ended[row]) for row, answer in enumerate(answered)]
    return _Answered(
        along=_along(answered, Rows.join(steps)),
        pairs=tuple(pairs),
        degeneration=degeneration(pairs, list(zip(theirs, own, strict=True)), both),
    )


def _along(answered: Sequence[ReferenceAnswer], whole: Rows) -> Statistics | None:
    """Of rows that come step by step: an answer's own lie len(answered) apart."""
    rows = [whole[row :: len(answered)][: answer.length] for row, answer in enumerate(answered)]
    return statistics(Rows.join(rows), [len(part) for part in rows], targets=False)


def _margin(answer: ReferenceAnswer, stored: Stored, at: int | None, own: Sequence[int]) -> float | None:
    """The reference's logit of its token minus that of the candidate's; None where the latter was not kept."""
    if at is None or at >= min(answer.length, len(own)):
        return None
    row = stored[answer.start + at : answer.start + at + 1]
    if bool(row.bad[0]):
        return None
    found = []
    for token in (answer.tokens[at], own[at]):
        where = [token] if row.ids is None else (row.ids[0] == token).nonzero()[:, 0].tolist()
        if not where:
            return None
        found.append(row.logp[0, where[0]].item())
    return found[0] - found[1]


def _with_nan(scores: Sequence[Sequence[float | None]]) -> list[list[float]]:
    return [[math.nan if score is None else score for score in item] for item in scores]
