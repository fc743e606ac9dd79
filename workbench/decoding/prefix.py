"""What keeping the KV cache of a prompt's beginning saves, and such caches on disk."""

import time
from collections.abc import Sequence
from typing import Any

from workbench.bench import Bench
from workbench.checks import at_least_one
from workbench.config import Config
from workbench.errors import CapabilityError, ConfigError
from workbench.results import PrefixPoint, PrefixReuse, SavedPrefix
from workbench.runs.prefixes import MOST_BYTES
from workbench.words import say

Prefix = str | int
LENGTHS = (128, 512, 1024)
_ROOM = 64  # tokens of the context that the default lengths leave
_NEEDED = {"compile": "off", "cache": "dynamic", "speculation": "off"}


def prefix(
    bench: Bench,
    job: int,
    prefixes: Prefix | Sequence[Prefix] | None = None,
    prompts: str | Sequence[str] | None = None,
    *,
    saved: str | None = None,
    new_tokens: int = 16,
    precision: float = 0.05,
    budget_s: float = 60.0,
) -> PrefixReuse:
    """Cold against cached TTFT of each prefix. Kept in the store.

    ConfigError for what is no prefix, or beyond the context; CapabilityError for a cache that cannot be continued, or a
    saved one of another model; StoreError for a damaged one.
    """
    refuse_other_caches(bench.config)
    if saved is not None and prefixes is not None:
        raise ConfigError("prefix.both")
    asked = [{"saved": saved}] if saved is not None else [_asked(one) for one in _listed(prefixes, bench)]
    following = None if prompts is None else [prompts] if isinstance(prompts, str) else list(prompts)
    context = bench.context(job)
    began = time.monotonic()
    points = []
    for at, one in enumerate(asked):
        told = saved or one.get("tokens") or at + 1
        context.progress(say("progress.prefix", prefix=told), at, len(asked))
        parameters = {
            "probe": "prefix",
            **one,
            "prompts": following,
            "new_tokens": max(at_least_one("new_tokens", new_tokens), 2),
            "precision": precision,
            "budget_s": budget_s / len(asked),
        }
        points.append(PrefixPoint.from_dict(bench.call(job, "probe", parameters)["result"]))
    found = PrefixReuse(
        points=tuple(points),
        prompts=len(following or (1,)),
        new_tokens=new_tokens,
        saved=saved,
        config=bench.config.to_dict(),
        seconds=time.monotonic() - began,
        flags=bench.facts.notes,
    )
    return bench.deliver(job, "prefix", found)


def save_prefix(bench: Bench, job: int, prefix: Prefix, name: str, *, most_bytes: int = MOST_BYTES) -> SavedPrefix:
    """Keeps the KV cache of `prefix` in the home's artifacts, under `name`; an older one of that name is replaced.

    ConfigError when it takes more than `most_bytes`; CapabilityError for a cache that cannot be kept; StoreError.
    """
    refuse_other_caches(bench.config)
    parameters = {"probe": "prefix_save", **_asked(prefix), "name": name, "most_bytes": most_bytes}
    return SavedPrefix.from_dict(bench.call(job, "probe", parameters)["result"])


def refuse_other_caches(config: Config) -> None:
    """CapabilityError for a way of decoding whose cache cannot be copied and continued."""
    for knob, needed in _NEEDED.items():
        if config[knob] != needed and config.matters(knob):
            value, default = repr(config[knob]), repr(needed)
            raise CapabilityError("prefix.cache", knob=knob, value=value, default=default)


def _listed(prefixes: Prefix | Sequence[Prefix] | None, bench: Bench) -> list[Any]:
    if prefixes is None:
        fitting = [length for length in LENGTHS if length + _ROOM <= bench.facts.context_length]
        return fitting or [max(bench.facts.context_length // 2, 1)]
    listed = list(prefixes) if isinstance(prefixes, list | tuple) else [prefixes]
    if not listed:
        raise ConfigError("prefix.bad", given=repr(prefixes))
    return listed


def _asked(one: Any) -> dict[str, Any]:
    if isinstance(one, str) and one.strip():
        return {"text": one}
    if isinstance(one, int) and not isinstance(one, bool) and one > 0:
        return {"tokens": one}
    raise ConfigError("prefix.bad", given=repr(one)[:80])
