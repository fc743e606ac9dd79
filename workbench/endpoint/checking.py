"""The whole check of one server: its name, its tokens, its answers, its speed. What was measured is kept on Stop."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from workbench.endpoint import greedy, levels, load, running, tokens
from workbench.endpoint.address import Address, address
from workbench.endpoint.client import KEY_VARIABLE, Client, key_from
from workbench.endpoint.patience import Patience, patience_of, target_of
from workbench.endpoint.prompts import Ask, asks, telling
from workbench.errors import ConfigError, EndpointError, Stopped
from workbench.probes.context import Context
from workbench.results import Endpoint, EndpointGreedy, EndpointReference, EndpointTarget, EndpointTokens
from workbench.words import Message, say
from workbench.words.format import number, printable, share

CONCURRENCY = (1, 2, 4)
GREEDY_ANSWERS = 8
GREEDY_TOKENS = 32
_MOST_AT_ONCE = 256
BUSY = 0.25  # of a core: from there on the load generator may be what is measured
_LATE = 0.1  # of the median gap between chunks


@dataclass(frozen=True)
class Request:
    """What is to be measured. Read by `request`; see `check` for the words."""

    where: Address
    prompts: tuple[Ask, ...]
    chat: bool
    plans: tuple[load.Plan, ...]
    target: EndpointTarget
    patience: Patience
    served: str
    key: str | None
    new_tokens: int
    seed: int
    models: tuple[str, ...] = ()  # names that the bench's model may have there


@dataclass
class _Draft:
    """What was found so far."""

    served: str = ""
    software: str | None = None
    tokens: EndpointTokens | None = None
    greedy: EndpointGreedy | None = None
    warm_up: list[Any] = field(default_factory=list)
    tallies: list[load.Tally] = field(default_factory=list)


def check(
    url: str,
    *,
    prompts: str | Path | Sequence[Any] | None = None,
    reference: EndpointReference | None = None,
    count: levels.Counter | None = None,
    context: Context | None = None,
    **options: Any,
) -> Endpoint:
    """Measures the OpenAI-compatible server at `url`, with or without /v1. `session.endpoint` has the bench beside.

    prompts      a .jsonl file, texts, or lists of messages; default: those of the built-in suite
    reference    what the bench makes of `telling()` and of these prompts, in that order
    count        counts tokens of texts, for a server that does not
    options      concurrency (1, 2, 4) · rate, in requests/s: Poisson arrivals instead · requests (100) and
                 budget_s (30) of each level, whichever ends first · new_tokens (64) · target:
                 "ttft=0.5,tpot=0.05,e2e=4" · timeouts: "connect=5,first=60,gap=30,total=300" · served: the model's
                 name there · api: chat or completions · key_variable: the environment variable with the API key · seed

    ConfigError for arguments that cannot be; EndpointError when the server cannot be asked at all. What goes wrong
    later is counted by kind. Stop, or Ctrl-C, ends it at once with what was measured so far.
    """
    wanted = request(url, prompts, reference=reference, **options)
    context = context or Context(lambda _name, _data: None, threading.Event())
    draft = _Draft(served=wanted.served)
    began = time.monotonic()
    whole = running.run(partial(_work, wanted, reference, draft, context), context.stop)
    if not whole and not draft.tallies and draft.greedy is None and draft.tokens is None:
        raise Stopped("session.stopped", phase=str(say("phase.endpoint")))
    seconds = time.monotonic() - began
    # once stopped, nobody waits for the bench to count
    return _result(wanted, draft, count if whole else None, stopped=not whole, seconds=seconds)


def request(
    url: str,
    prompts: str | Path | Sequence[Any] | None = None,
    *,
    reference: EndpointReference | None = None,
    concurrency: Sequence[int] = CONCURRENCY,
    rate: float | Sequence[float] | None = None,
    requests: int = 100,
    budget_s: float = 30.0,
    new_tokens: int = 64,
    target: Any = None,
    timeouts: Any = None,
    served: str | None = None,
    api: str | None = None,
    key_variable: str = KEY_VARIABLE,
    seed: int = 0,
) -> Request:
    """The arguments of `check`, all of them looked at before anything is sent. ConfigError."""
    if api not in (None, "chat", "completions"):
        raise ConfigError("endpoint.bad_api", given=repr(api))
    chat = api == "chat" or (api is None and (reference is None or reference.chat))
    rates = () if rate is None else tuple(rate) if isinstance(rate, Sequence) else (rate,)
    loads: list[tuple[int | None, float | None]] = [(None, _positive("rate", each)) for each in rates]
    if not loads:
        loads = [(_whole("concurrency", each, _MOST_AT_ONCE), None) for each in concurrency]
    count, seconds = _whole("requests", requests, 100_000), _positive("budget_s", budget_s)
    length = _whole("new_tokens", new_tokens, 1 << 20)
    return Request(
        where=address(url),
        prompts=tuple(asks(prompts, chat=chat)),
        chat=chat,
        plans=tuple(load.Plan(at_once, each, count, seconds, length, seed) for at_once, each in loads),
        target=target_of(target),
        patience=patience_of(timeouts),
        served=served or "",
        key=key_from(key_variable),
        new_tokens=length,
        seed=seed,
        models=() if reference is None else (reference.model,),
    )


async def _work(wanted: Request, reference: EndpointReference | None, draft: _Draft, context: Context) -> None:
    context.enter(say("phase.endpoint"))
    async with Client(wanted.where, wanted.patience, served=wanted.served, key=wanted.key) as client:
        client.served = draft.served = wanted.served or choose(await client.models(), wanted.models)
        first = await client.stream(wanted.prompts[0], wanted.new_tokens)  # what cannot be asked at all raises here
        draft.software = client.software
        draft.warm_up.append(first)
        if reference is not None:
            context.enter(say("phase.endpoint_answers"))
            probes = telling(chat=wanted.chat)
            draft.tokens = await tokens.compare(client, probes, reference)
            answered = [*probes, *wanted.prompts][: len(reference.answers)]
            replies = await greedy.answers(client, answered, GREEDY_TOKENS)
            draft.greedy = greedy.compare(answered, replies, reference)
        context.enter(say("phase.endpoint_load"))
        for plan in wanted.plans:
            for place in range(min(plan.concurrency or 1, 4)):  # each level begins with warm connections
                draft.warm_up.append(await client.stream(wanted.prompts[place % len(wanted.prompts)], 2))
            tally = load.Tally(plan)
            draft.tallies.append(tally)
            await load.level(client, wanted.prompts, tally, partial(_tell, context, tally))


def choose(listed: Sequence[str], wanted: Sequence[str] = ()) -> str:
    """The one model that is served, or the bench's among several. ConfigError lists them where it is not clear."""
    for name in listed:
        if name in wanted or PurePosixPath(name).name in {PurePosixPath(each).name for each in wanted}:
            return name
    if len(listed) == 1:
        return listed[0]
    if not listed:
        raise EndpointError("endpoint.no_model")
    names = ", ".join(printable(name, 60) for name in listed[:8])
    raise ConfigError("endpoint.many_models", count=len(listed), names=names)


def _tell(context: Context, tally: load.Tally) -> None:
    if context.stop.is_set():  # the thread that watches it ends this one
        return
    plan = tally.plan
    what = (
        say("progress.endpoint_rate", rate=number(plan.rate))
        if plan.rate is not None
        else say("progress.endpoint", concurrency=plan.concurrency)
    )
    context.progress(what, len(tally.answers) + tally.errors.total(), plan.requests)


def _result(wanted: Request, draft: _Draft, count: levels.Counter | None, *, stopped: bool, seconds: float) -> Endpoint:
    found = tuple(levels.level(tally, wanted.target, count) for tally in draft.tallies)
    replies = [each.reply for each in draft.warm_up] + [each.reply for tally in draft.tallies for each in tally.answers]
    streamed = [reply for reply in replies if reply.streamed]
    return Endpoint(
        served=_without_folders(draft.served),
        local=wanted.where.local,
        software=printable(draft.software, 40) if draft.software else None,
        api="chat" if wanted.chat else "completions",
        streams=bool(streamed) if replies else None,
        done=all(reply.done for reply in streamed) if streamed else None,
        usage=all(reply.new_tokens is not None for reply in replies) if replies else None,
        tokens=draft.tokens,
        greedy=draft.greedy,
        target=wanted.target,
        prompts=len(wanted.prompts),
        new_tokens=wanted.new_tokens,
        seed=wanted.seed,
        warm_up_s=tuple(each.ended - each.began for each in draft.warm_up),
        levels=found,
        stopped=stopped,
        seconds=seconds,
        flags=tuple(flags_of(wanted, found, streamed, bool(replies) and not streamed)),
    )


def flags_of(wanted: Request, found: Sequence[Any], streamed: Sequence[Any], unstreamed: bool) -> list[Message]:
    flags = []
    if unstreamed:
        flags.append(say("endpoint.flag.no_stream"))
    if streamed and not all(reply.done for reply in streamed):
        flags.append(say("endpoint.flag.no_done"))
    if any(level.counted == "chunks" for level in found):
        flags.append(say("endpoint.flag.chunks"))
    if any(level.counted == "tokenizer" for level in found):
        flags.append(say("endpoint.flag.tokenizer"))
    busiest = max((level.own_share for level in found), default=0.0)
    if busiest > BUSY:
        flags.append(say("endpoint.flag.busy", share=share(busiest)))
    late = max((level.lag_s for level in found if level.itl and level.lag_s > _LATE * level.itl.mean), default=0.0)
    if late:
        flags.append(say("endpoint.flag.late", seconds=number(late, 2)))
    if wanted.where.local:
        flags.append(say("endpoint.flag.local"))
    if wanted.key and not wanted.where.encrypted and not wanted.where.local:
        flags.append(say("endpoint.flag.key_in_clear"))
    return flags


def _without_folders(name: str) -> str:
    """Some servers name a model by its folder on their machine."""
    if PurePosixPath(name).is_absolute() or PureWindowsPath(name).is_absolute():
        name = PureWindowsPath(name).name
    return printable(name, 120)


def _whole(name: str, value: Any, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise ConfigError("endpoint.bad_count", name=name, value=repr(value), most=most)
    return value


def _positive(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e6:
        raise ConfigError("endpoint.bad_number", name=name, value=repr(value))
    return float(value)
