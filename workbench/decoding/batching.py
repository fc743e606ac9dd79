"""Requests of unequal length served in several ways beside each other on the resident model."""

from collections.abc import Sequence

from workbench import forecast as forecasts
from workbench import machine as machines
from workbench.bench import Bench
from workbench.buckets import by_count, by_width
from workbench.errors import CapabilityError, ConfigError
from workbench.results import Batching, Requests, Workload
from workbench.results.batching import WAYS
from workbench.words import Message, say
from workbench.words.format import size

REQUESTS = 8  # of the built-in text
NEW_TOKENS = 16
BUCKETS = 4


def batching(
    bench: Bench,
    job: int,
    workload: Workload | None = None,
    *,
    ways: Sequence[str] = WAYS,
    buckets: int | None = None,
    width: int | None = None,
    answers: Sequence[int] | None = None,
    precision: float = 0.05,
    budget_s: float = 60.0,
) -> Batching:
    """All `ways` in interleaved rounds over the same requests, until known to ±`precision` or the budget is spent.

    Kept in the store. ConfigError for what cannot be asked, CapabilityError where no way can serve these requests.
    """
    work = workload or Workload(new_tokens=NEW_TOKENS)
    if work.prompts is None and work.batch_size == 1:
        work = work.replace(batch_size=REQUESTS)
    _refuse(bench, ways, buckets, width)
    lengths = _lengths(bench, job, work)
    new = _answers(work, answers, len(lengths))
    for index, (prompt, more) in enumerate(zip(lengths, new, strict=True)):
        limit = bench.facts.context_length
        if prompt + more > limit:
            room = max(limit - prompt, 0)
            raise ConfigError(
                "batching.too_long",
                index=index,
                prompt=prompt,
                new=more,
                total=prompt + more,
                limit=limit,
                room=room,
            )
    asked = {"width": width} if width else {"count": buckets or BUCKETS}
    refused = _no_room(bench, ways, lengths, new, asked)
    if len(refused) == len(ways):
        raise CapabilityError("batching.nothing", reasons="; ".join(map(str, refused.values())))
    parameters = {
        "probe": "batching",
        "workload": work.to_dict(),
        "answers": list(new),
        "ways": list(ways),
        "refused": {way: reason.model_dump() for way, reason in refused.items()},
        "buckets": asked,
        "precision": precision,
        "budget_s": budget_s,
    }
    found = Batching.from_dict(bench.call(job, "probe", parameters)["result"])
    if all(way.why_not is not None for way in found.ways):
        raise CapabilityError("batching.nothing", reasons="; ".join(str(way.why_not) for way in found.ways))
    return bench.deliver(job, "batching", found, config=bench.config)


def _refuse(bench: Bench, ways: Sequence[str], buckets: int | None, width: int | None) -> None:
    for way in ways:
        if way not in WAYS:
            raise ConfigError("batching.unknown_way", way=way, ways=", ".join(WAYS))
    if buckets is not None and width is not None:
        raise ConfigError("batching.both")
    if bench.config.compile != "off":
        raise CapabilityError("batching.compiled", compile=bench.config.compile)
    if bench.config.speculation != "off":
        raise CapabilityError("batching.speculation", speculation=bench.config.speculation)
    by_count([1], 1 if buckets is None else buckets)
    by_width([1], 1 if width is None else width)


def _lengths(bench: Bench, job: int, work: Workload) -> tuple[int, ...]:
    data = bench.call(job, "probe", {"probe": "requests", "workload": work.to_dict()})
    return Requests.from_dict(data["result"]).lengths


def _answers(work: Workload, answers: Sequence[int] | None, requests: int) -> tuple[int, ...]:
    if answers is None:
        return (work.new_tokens,) * requests
    if len(answers) != requests or min(answers) < 2:
        raise ConfigError("batching.answers", given=", ".join(map(str, answers)), requests=requests)
    return tuple(answers)


def _no_room(
    bench: Bench, ways: Sequence[str], lengths: Sequence[int], answers: Sequence[int], asked: dict[str, int]
) -> dict[str, Message]:
    """The ways whose largest batch the forecast finds no memory for, with the numbers."""
    machine = machines.with_free_memory(bench.machine)
    everything = tuple(range(len(lengths)))
    groups = {
        "one_by_one": [(place,) for place in everything],
        "bucketed": by_width(lengths, asked["width"]) if "width" in asked else by_count(lengths, asked["count"]),
    }
    refused: dict[str, Message] = {}
    for way in ways:
        for group in groups.get(way, [everything]):
            prompt, new = max(lengths[place] for place in group), max(answers[place] for place in group)
            work = Workload(prompt_tokens=prompt, new_tokens=new, batch_size=len(group))
            forecast = forecasts.forecast(
                bench.facts, bench.config, work, machine, resident_bytes=bench.resolved.weight_bytes
            )
            if forecast.fits is False:
                needed = size(forecast.weights + forecast.kv_cache + forecast.workspace)
                available = size(forecast.available)
                refused[way] = say(
                    "batching.no_room", rows=len(group), tokens=prompt + new, needed=needed, available=available
                )
                break
    return refused
