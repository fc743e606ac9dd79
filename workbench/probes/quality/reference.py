"""Makes a reference: what the model says of a suite in the configuration in force, written to disk once."""

import hashlib
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from workbench.errors import ConfigError
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.quality import choices, decode, routing
from workbench.probes.quality.distributions import Kept, Rows, compare, kept
from workbench.probes.quality.floor import floor
from workbench.probes.quality.logits import Reader, row_of, vocabulary_of
from workbench.probes.quality.stored import Shelf
from workbench.probes.quality.texts import Progress, check_tokenizer, domain_name, read
from workbench.results import Reference, ReferenceAnswer, ReferenceText
from workbench.suites import Suite
from workbench.words import say


def run(bench: Bench, params: dict[str, Any], context: Context) -> Reference:
    """params: suite (as a dict), name (of the file in artifacts/), config (which this is, in its own words).

    ModelError when the tokenizer does not give the text back; ConfigError when a prompt leaves no room for an answer;
    StoreError when the disk refuses.
    """
    began = time.monotonic()
    context.enter(say("phase.quality_reference"))
    suite = Suite.from_dict(params["suite"])
    check_tokenizer(bench, suite)
    texts = read(bench, suite)
    prompts = [
        decode.rendered(bench.tokenizer, prompt.text, prompt.messages, answered=True) for prompt in suite.prompts
    ]
    _check_room(bench, max(map(len, prompts), default=0), suite.answer_tokens)
    judged = sum(one.positions for one in texts)
    vocabulary = vocabulary_of(bench)
    shelf = Shelf(judged + len(prompts) * suite.answer_tokens, vocabulary)
    progress = Progress(context, judged + len(prompts) * suite.answer_tokens)
    reader = Reader(bench, context)
    by_storage = []
    for one in texts:
        by_storage.append(_keep(bench, reader, one, shelf))
        progress.tell("progress.quality_text", one.positions, domain=domain_name(one.domain))
    answers = _answers(bench, suite, prompts, judged, shelf, context, progress) if prompts else ()
    scored = choices.scores(bench, suite.choices, Context(context.emit, context.stop)) if suite.choices else []
    experts = routing.record(bench, [one.tokens for one in texts], context)
    noise = floor(bench, reader, texts, shelf, by_storage, context)
    path = shelf.write(params["name"])
    resolved = bench.resolved()
    return Reference(
        name=params["name"],
        config=params["config"],
        weight_bytes=resolved.weight_bytes,
        dtype=resolved.dtype,
        quantization=resolved.quantization,
        suite=suite.name,
        suite_hash=suite.hash,
        vocabulary=vocabulary,
        kept=shelf.most,
        tail=shelf.tail,
        texts=tuple(texts),
        answers=answers,
        choices=tuple(tuple(score if math.isfinite(score) else None for score in item) for item in scored),
        routing=experts,
        floor=noise,
        bytes=path.stat().st_size,
        sha256=_hash(path),
        seconds=time.monotonic() - began,
    )


def _keep(bench: Bench, reader: Reader, one: ReferenceText, shelf: Shelf) -> Rows:
    """Puts a passage's positions on the shelf; gives what storing changed."""
    batch = row_of(bench, one.tokens)
    ids = batch["input_ids"][0]
    changed = []
    for where, logits in reader.logits(batch, one.skip, len(ids) - 1):
        targets = ids[where.start + 1 : where.stop + 1]
        rows = kept(logits[0], targets, shelf.most)
        shelf.put(one.start + where.start - one.skip, rows)
        changed.append(compare(logits[0], rows, targets))
    return Rows.join(changed)


def _answers(
    bench: Bench,
    suite: Suite,
    prompts: Sequence[Sequence[int]],
    start: int,
    shelf: Shelf,
    context: Context,
    progress: Progress,
) -> tuple[ReferenceAnswer, ...]:
    """Greedy answers, their logits put on the shelf from `start` on: prompt by prompt, `answer_tokens` each."""
    likely = decode.Likely()

    def on_step(step: int, scores: torch.Tensor) -> None:
        likely.on_step(step, scores)
        rows: Kept = kept(scores, None, shelf.most)
        for row in range(len(prompts)):
            shelf.put(start + row * suite.answer_tokens + step, rows[row : row + 1])
        progress.tell("progress.quality_decode", len(prompts), step=step + 1, steps=suite.answer_tokens)

    tokens = decode.answers(bench, prompts, suite.answer_tokens, context, on_step)
    lengths, ended = decode.ends(bench, tokens)
    pieces = likely.pairs(bench.tokenizer, tokens, lengths)
    return tuple(
        ReferenceAnswer(
            domain=prompt.domain,
            prompt=prompt.shown,
            prompt_tokens=tuple(prompts[row]),
            tokens=tuple(tokens[row].tolist()),
            start=start + row * suite.answer_tokens,
            length=lengths[row],
            ended=ended[row],
            pieces=pieces[row],
        )
        for row, prompt in enumerate(suite.prompts)
    )


def _check_room(bench: Bench, prompt: int, answer: int) -> None:
    """ConfigError when the longest prompt leaves no room for an answer."""
    total, limit = prompt + answer, bench.facts.context_length
    if total > limit:
        room = max(limit - prompt, 0)
        raise ConfigError("probe.too_long", prompt=prompt, new=answer, total=total, limit=limit, room=room)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
