"""How whole memory stays over requests of random lengths, and whether another allocator keeps it better."""

import random
import time
from collections.abc import Iterator, Sequence

from workbench.bench import Bench
from workbench.checks import as_seed, at_least_one, positive, refuse_impossible
from workbench.config import Config
from workbench.errors import CapabilityError, ConfigError
from workbench.hosts.process import ProcessHost
from workbench.knobs import KNOBS
from workbench.results import MemoryHealth, Workload
from workbench.results.memory_health import HealthRun, Unavailable
from workbench.ways import put, restored
from workbench.words import Message, say

REQUESTS = 48
ALLOCATORS = ("default", "expandable_segments")
_SHORTEST = 16  # times shorter than the longest prompt
_SHORTEST_ANSWER = 4


def memory_health(
    bench: Bench,
    job: int,
    workload: Workload | None = None,
    *,
    requests: int = REQUESTS,
    seed: int = 0,
    budget_s: float = 60.0,
    compare: Sequence[str] | None = None,
) -> MemoryHealth:
    """Runs the requests in the configuration in force, or in a fresh worker for each allocator of `compare`, there and
    back. Kept in the store. The configuration of before is in force again afterwards.

    ConfigError for numbers or allocators that are none; CapabilityError for `compare` beside an engine in this process.
    """
    requests, seed = at_least_one("requests", requests), as_seed(seed)
    positive(budget_s=budget_s)
    longest = (workload or Workload(prompt_tokens=min(256, bench.facts.context_length // 2), new_tokens=32)).replace(
        seed=seed
    )
    if longest.prompts is not None:
        raise ConfigError("memory_health.prompts")
    parameters = {
        "probe": "memory_health",
        "workload": longest.to_dict(),
        "lengths": lengths_of(longest, requests, seed),
    }
    context, began = bench.context(job), time.monotonic()
    unavailable: tuple[Unavailable, ...] = ()
    if compare is None:
        runs = [_run(bench, job, {**parameters, "budget_s": budget_s})]
    else:
        configs, unavailable = _sides(bench, compare)
        turns = [*configs, *reversed(configs)] if len(configs) > 1 else configs
        runs = []
        with restored(bench, job):
            for config in turns:
                context.check()
                _fresh(bench, job, config)
                runs.append(_run(bench, job, {**parameters, "budget_s": budget_s / len(turns)}))
    found = MemoryHealth(
        workload=longest,
        requests=requests,
        config=bench.config.to_dict(),
        runs=tuple(runs),
        unavailable=unavailable,
        seconds=time.monotonic() - began,
        flags=tuple(_flags(bench, runs)),
    )
    return bench.deliver(job, "memory_health", found)


def lengths_of(longest: Workload, requests: int, seed: int) -> list[tuple[int, int]]:
    """(prompt tokens, new tokens) of each request: prompts from a 16th of the longest on, alike in each doubling;
    answers from a quarter on. The longest of both is among them.

    The second half has the lengths of the first in another order: libraries keep something for each new shape, which
    is then no growth any more.
    """
    draws = random.Random(seed)
    shortest, least = max(longest.prompt_tokens // _SHORTEST, 1), max(longest.new_tokens // _SHORTEST_ANSWER, 2)
    spread = longest.prompt_tokens / shortest
    first = [
        (round(shortest * spread ** draws.random()), draws.randint(least, longest.new_tokens))
        for _ in range((requests + 1) // 2)
    ]
    first[draws.randrange(len(first))] = (longest.prompt_tokens, longest.new_tokens)
    return (first + draws.sample(first, len(first)))[:requests]


def _sides(bench: Bench, compare: Sequence[str]) -> tuple[list[Config], tuple[Unavailable, ...]]:
    """The configurations that can be here, and why the others cannot."""
    if not isinstance(bench.host, ProcessHost):
        raise CapabilityError("memory_health.inline")
    configs, unavailable = [], []
    for allocator in dict.fromkeys(compare):
        config = bench.config.replace(allocator=allocator)
        can = KNOBS["allocator"].capability(allocator, bench.machine, bench.facts, config)
        if can.reason is not None and not can.ok:
            unavailable.append(Unavailable(allocator=allocator, reason=can.reason, remedy=can.remedy))
            continue
        refuse_impossible(config, bench.machine, bench.facts)
        configs.append(config)
    if not configs:
        raise ConfigError("memory_health.nothing", allocators=KNOBS["allocator"].kind.allowed)
    return configs, tuple(unavailable)


def _fresh(bench: Bench, job: int, config: Config) -> None:
    """`config` in a worker that has done nothing yet."""
    before = bench.host.pid
    put(bench, job, config)
    if bench.host.pid == before and isinstance(bench.host, ProcessHost):
        bench.host.release()
        bench.revive(job)


def _run(bench: Bench, job: int, parameters: dict[str, object]) -> HealthRun:
    return HealthRun.from_dict(bench.call(job, "probe", parameters)["result"])


def _flags(bench: Bench, runs: Sequence[HealthRun]) -> Iterator[Message]:
    yield from bench.facts.notes
    asked, ran = {run.allocator for run in runs}, {run.resolved.allocator for run in runs}
    if len(asked) > 1 and len(ran) < len(asked):
        yield say("memory_health.flag.same", allocator=", ".join(sorted(ran)))
    if any(run.stopped_by == "budget" for run in runs):
        done = min(len(run.points) for run in runs)
        yield say("memory_health.flag.budget", done=done)
    if any(run.after.source == "glibc" for run in runs):
        yield say("memory_health.flag.glibc")
