"""What would fit where something did not: rows, tokens, or the first change of each kind that makes room; no torch.

Nothing is said that the forecast does not say. Where it counts more room than the work takes, and memory was refused
all the same, it cannot see what is in the way, and says so.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.config import Config
from workbench.errors import ConfigError
from workbench.forecast import forecast
from workbench.forecast.shape import Describable
from workbench.knobs import Cost, refusals
from workbench.results import Forecast, Machine, ModelFacts, Workload
from workbench.words import Message, say
from workbench.words.format import count, size

_EIGHT = ("bnb-int8", "torchao-int8-weight", "quanto-int8", "hqq-int8")
_FOUR = ("bnb-nf4", "torchao-int4-weight", "hqq-int4", "quanto-int4")
# kinds of change, dearest last, each with what is tried in turn: what loses least comes first
_CHANGES: tuple[tuple[dict[str, Any], ...], ...] = (
    ({"attention": "sdpa"},),
    ({"cache": "offloaded"}, {"cache": "quantized"}),
    ({"dtype": "bfloat16"}, {"dtype": "float16"}),
    tuple(
        {"quantization": name, **more}
        for names in (_EIGHT, _FOUR)
        for more in ({}, {"dtype": "bfloat16"})
        for name in names
    ),
)


@dataclass(frozen=True)
class Asked:
    """What did not fit.

    what       the model, in any way that a forecast takes; facts: of it, once it was loaded
    config     that it was to run in; workload: None where only the weights were to come
    base       in force now, which a change starts from; None: nothing is loaded
    machine    with the memory that the work may take, as `available`
    live       only changes without a reload are possible
    in_pieces  unused memory was enough, in pieces that were too small
    """

    what: Describable
    facts: ModelFacts | None
    config: Config
    workload: Workload | None
    base: Config | None
    machine: Machine
    live: bool = False
    in_pieces: bool = False


def fitting(asked: Asked) -> tuple[Message, ...]:
    """Sentences with the exact change to type. ModelError where the size of such a model is not known."""
    work = asked.workload or Workload.preset("quick")
    now = forecast(asked.what, asked.config, work, asked.machine)
    if now.available is None:
        return ()
    joins = list(_joins(asked))
    if now.fits:
        return (*joins, say("memory.fits.expected", needs=size(_needs(now)), available=size(now.available)))
    found = [*joins, *_smaller(asked, now, work)]
    least: tuple[int, str] | None = None
    for kind in _CHANGES:
        for changes in kind:
            config = _with(asked, changes)
            if config is None:
                continue
            then = forecast(asked.what, config, work, asked.machine)
            typed = _typed(asked, config)
            if then.fits:
                needs, available = size(_needs(then)), size(then.available)
                found.append(say("memory.fits.change", change=typed, needs=needs, available=available))
                break
            least = min(least or (_needs(then), typed), (_needs(then), typed))
    if found:
        return tuple(found)
    if least and least[0] < _needs(now):
        needs, change = size(least[0]), least[1]
        return (say("memory.fits.nothing", needs=needs, change=change, available=size(now.available)),)
    return (say("memory.fits.not_even", needs=size(_needs(now)), available=size(now.available)),)


def _needs(found: Forecast) -> int:
    return found.weights + found.kv_cache + found.workspace


def _smaller(asked: Asked, now: Forecast, work: Workload) -> Iterator[Message]:
    """Less work in the same configuration."""
    if asked.workload is None:
        return
    if work.batch_size > 1 and now.largest_batch:
        yield say("memory.fits.rows", rows=now.largest_batch, asked=work.batch_size)
    elif now.largest_context and now.largest_context >= 2:
        yield say("memory.fits.tokens", tokens=count(now.largest_context))


def _joins(asked: Asked) -> Iterator[Message]:
    if asked.in_pieces and (config := _with(asked, {"allocator": "expandable_segments"})):
        yield say("memory.fits.join", change=_typed(asked, config))


def _with(asked: Asked, changes: Mapping[str, Any]) -> Config | None:
    """The asked configuration with `changes`; None where that is the same, the one in force, or cannot be here."""
    try:
        config = asked.config.replace(**changes)
    except ConfigError:  # these values cannot stand together
        return None
    if config in (asked.config, asked.base) or not all(config.matters(knob) for knob in changes):
        return None
    if asked.live and asked.base is not None and asked.base.cost_to(config) is not Cost.LIVE:
        return None
    return None if refusals(config, asked.machine, asked.facts) else config


def _typed(asked: Asked, config: Config) -> str:
    """What a person types for `config`."""
    base = asked.base or Config()
    knobs = ", ".join(f"{name}={new!r}" for name, (_old, new) in base.diff(config).items())
    return f"session.apply({knobs})" if asked.base else f"config=Config({knobs})"
