"""The ways to serve requests of unequal length that all arrive at once, on the resident model."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from workbench.buckets import Buckets
from workbench.errors import WorkbenchError
from workbench.probes import continuous, packing
from workbench.probes.bench import Bench
from workbench.probes.clock import Clock
from workbench.probes.context import Context
from workbench.probes.requests import together
from workbench.results import Shapes


@dataclass
class Served:
    """What one run of a way gave. By request: its new tokens, and when its first and its last were there, in seconds
    after all had arrived."""

    tokens: list[list[int]]
    first_s: list[float]
    last_s: list[float]
    seconds: float
    attention: str
    setup_s: float = 0.0
    cache_bytes: int | None = None
    countable: bool = True  # whether every pass went through the model's own forward


@dataclass
class Work:
    """rows: token ids [time] of each request; answers: how many new tokens each gets."""

    bench: Bench
    rows: Sequence[torch.Tensor]
    answers: Sequence[int]
    context: Context

    @property
    def lengths(self) -> list[int]:
        return [len(row) for row in self.rows]

    def whole(self) -> tuple[int, ...]:
        return tuple(range(len(self.rows)))


Way = Callable[[Work], Served]


def in_batches(buckets: Buckets, *, packed: bool = False) -> Way:
    """One batch after the other, each until its longest answer is whole."""

    def serve(work: Work) -> Served:
        bench, context = work.bench, work.context
        tokens: list[list[int]] = [[] for _ in work.rows]
        first, last = [0.0] * len(work.rows), [0.0] * len(work.rows)
        began = time.perf_counter()
        for bucket in buckets:
            rows = [work.rows[place] for place in bucket]
            longest = max(work.answers[place] for place in bucket)
            answered, stamps = (_packed if packed else _padded)(bench, rows, longest, context)
            for place, row in zip(bucket, answered, strict=True):
                asked = work.answers[place]
                tokens[place] = row[:asked]
                first[place], last[place] = stamps[0] - began, stamps[asked - 1] - began
        ended = time.perf_counter()
        return Served(tokens, first, last, ended - began, str(bench.model.config._attn_implementation))

    return serve


def _padded(
    bench: Bench, rows: Sequence[torch.Tensor], new_tokens: int, context: Context
) -> tuple[list[list[int]], list[float]]:
    return _produced(bench, together(rows, bench.resolved()), new_tokens, context)


def _packed(
    bench: Bench, rows: Sequence[torch.Tensor], new_tokens: int, context: Context
) -> tuple[list[list[int]], list[float]]:
    with bench.interruptible(context), bench.in_force():
        logits, cache = packing.prefill(bench, rows)
        first = logits.argmax(-1)
        begun = first.tolist()
    stamp = time.perf_counter()
    left = bench.resolved().model_copy(update={"padding_side": "left"})
    batch = together([torch.cat((row, first[at : at + 1])) for at, row in enumerate(rows)], left)
    further, stamps = _produced(bench, batch, new_tokens - 1, context, past_key_values=cache)
    return [[one, *more] for one, more in zip(begun, further, strict=True)], [stamp, *stamps]


def _produced(
    bench: Bench, batch: dict[str, torch.Tensor], new_tokens: int, context: Context, **options: Any
) -> tuple[list[list[int]], list[float]]:
    prompt = batch["input_ids"].shape[1]
    with bench.interruptible(context) as guard:
        clock = Clock(context, guard)
        output = bench.produce(batch, clock, new_tokens, **options)
    produced: torch.Tensor = output.sequences[:, prompt:]
    if produced.shape[1] != new_tokens or len(clock.stamps) != new_tokens:
        raise WorkbenchError("probe.wrong_length", produced=produced.shape[1], asked=new_tokens)
    return produced.tolist(), clock.stamps


def continuously(work: Work) -> Served:
    """By transformers' continuous batching. What it prepares before the first request is kept apart, as in a server."""
    prompts = [row.tolist() for row in work.rows]
    asked = time.perf_counter()
    with continuous.running(work.bench, work.lengths, work.answers) as manager:
        began = time.perf_counter()
        tokens, stamps = manager.serve(prompts, work.answers, work.context)
        ended = time.perf_counter()
        cache_bytes, countable = manager.cache_bytes, not manager.graphs
    if [len(row) for row in tokens] != list(work.answers):
        raise WorkbenchError("probe.wrong_length", produced=min(map(len, tokens)), asked=max(work.answers))
    return Served(
        tokens,
        [row[0] - began for row in stamps],
        [row[-1] - began for row in stamps],
        ended - began,
        manager.attention,
        setup_s=began - asked,
        cache_bytes=cache_bytes,
        countable=countable,
    )


@dataclass
class Counter:
    """Positions of the forward passes while it counted: those over several positions a row, and over one."""

    several: int = 0
    single: int = 0
    passes: int = field(default=0)

    def shapes(self, work: Work, *, mixed: bool) -> Shapes:
        """mixed: prompts and answers share passes; then all that is wasted is told as padding."""
        prompts, answers = sum(work.lengths), sum(work.answers) - len(work.answers)
        several, single = (self.several + self.single - answers, answers) if mixed else (self.several, self.single)
        return Shapes(
            prompt_positions=several,
            answer_positions=single,
            padding=1 - prompts / several,
            idle=1 - answers / single if single else 0.0,
            passes=self.passes,
        )


@contextmanager
def counting(bench: Bench) -> Iterator[Counter]:
    """Counts the positions that the model's forward is given."""
    counter = Counter()

    def count(_module: Any, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
        input_ids: torch.Tensor = named["input_ids"] if "input_ids" in named else positional[0]
        counter.passes += 1
        if input_ids.shape[1] > 1:
            counter.several += input_ids.numel()
        else:
            counter.single += input_ids.numel()

    handle = bench.model.register_forward_pre_hook(count, with_kwargs=True)
    try:
        yield counter
    finally:
        handle.remove()
