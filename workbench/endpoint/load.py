"""The load: requests at a fixed concurrency (closed loop), or at a rate with Poisson arrivals (open loop)."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from workbench.endpoint.client import Timed
from workbench.endpoint.failures import kind_of
from workbench.endpoint.prompts import Ask
from workbench.errors import EndpointError

_TICK_S = 0.02
_LONGEST_PAUSE_S = 10.0  # however long a server that is full asks to wait


class Streaming(Protocol):
    """Whatever gives a streamed answer: the client."""

    async def stream(self, what: Ask, new_tokens: int) -> Timed:
        """The answer with its moments. EndpointError."""


@dataclass(frozen=True)
class Plan:
    """One level: either `concurrency` or `rate` (requests a second) is set; no request begins after budget_s."""

    concurrency: int | None
    rate: float | None
    requests: int
    budget_s: float
    new_tokens: int
    seed: int


@dataclass
class Tally:
    """A level as it goes on; whatever happens to it, what is in here was measured."""

    plan: Plan
    began: float = field(default_factory=time.perf_counter)
    last: float = 0.0
    begun: int = 0
    open: int = 0
    most_open: int = 0
    answers: list[Timed] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    cpu_s: float = 0.0
    lag_s: float = 0.0
    ended_by: Literal["requests", "budget", "stop"] = "stop"

    @property
    def cut(self) -> int:
        return self.begun - len(self.answers) - self.errors.total()

    @property
    def seconds(self) -> float:
        return max(self.last - self.began, 1e-9)


async def level(client: Streaming, prompts: Sequence[Ask], tally: Tally, tell: Callable[[], None]) -> None:
    """Fills `tally`; `tell` is called after each answer. Cancelled: requests that run are cut, and counted as that."""
    cpu_began = time.thread_time()
    clock = asyncio.ensure_future(_clock(tally))
    try:
        await (_closed if tally.plan.rate is None else _open)(client, prompts, tally, tell)
        tally.ended_by = "requests" if tally.begun >= tally.plan.requests else "budget"
    finally:
        clock.cancel()
        tally.cpu_s = time.thread_time() - cpu_began
        tally.last = tally.last or time.perf_counter()


async def _closed(client: Streaming, prompts: Sequence[Ask], tally: Tally, tell: Callable[[], None]) -> None:
    assert tally.plan.concurrency is not None
    async with asyncio.TaskGroup() as group:
        for _place in range(tally.plan.concurrency):
            group.create_task(_worker(client, prompts, tally, tell))


async def _worker(client: Streaming, prompts: Sequence[Ask], tally: Tally, tell: Callable[[], None]) -> None:
    """One request after the other, until all are done or the time is up."""
    while _more(tally):
        pause = await _one(client, prompts, tally)
        tell()
        left = tally.plan.budget_s - (time.perf_counter() - tally.began)
        if pause and left > 0:
            await asyncio.sleep(min(pause, left, _LONGEST_PAUSE_S))


async def _open(client: Streaming, prompts: Sequence[Ask], tally: Tally, tell: Callable[[], None]) -> None:
    """Arrivals do not wait for answers: gaps are exponential with mean 1 ÷ rate."""
    assert tally.plan.rate is not None
    draw = random.Random(tally.plan.seed)

    async def one() -> None:
        await _one(client, prompts, tally)
        tell()

    due = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        while _more(tally):
            group.create_task(one())
            await asyncio.sleep(0)  # it counts itself as begun before the next is thought of
            due += draw.expovariate(tally.plan.rate)
            await asyncio.sleep(min(max(due - time.perf_counter(), 0), _left(tally)))


def _more(tally: Tally) -> bool:
    return tally.begun < tally.plan.requests and _left(tally) > 0


def _left(tally: Tally) -> float:
    return max(tally.plan.budget_s - (time.perf_counter() - tally.began), 0.0)


async def _one(client: Streaming, prompts: Sequence[Ask], tally: Tally) -> float:
    """One request; returns how long the server asks to be left alone."""
    ask = prompts[tally.begun % len(prompts)]
    tally.begun += 1
    tally.open += 1
    tally.most_open = max(tally.most_open, tally.open)
    try:
        tally.answers.append(await client.stream(ask, tally.plan.new_tokens))
    except EndpointError as error:
        tally.errors[kind_of(error)] += 1
        after = str(error.params.get("after", "?"))
        return float(after) if after != "?" else 0.0
    finally:
        tally.open -= 1
        tally.last = time.perf_counter()
    return 0.0


async def _clock(tally: Tally) -> None:
    """How late this loop comes to what is due: every stamp may be as late."""
    while True:
        due = time.perf_counter() + _TICK_S
        await asyncio.sleep(_TICK_S)
        tally.lag_s = max(tally.lag_s, time.perf_counter() - due)
