"""Keeps the KV cache of a prompt's beginning on disk, with all that makes it invalid (`probes.kv`)."""

from typing import Any

from workbench.probes import kv
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.prefix import prefix_of
from workbench.results import SavedPrefix
from workbench.words import say


def run(bench: Bench, params: dict[str, Any], context: Context) -> SavedPrefix:
    """params: text or tokens (of the built-in text), seed, name, most_bytes.

    ConfigError when the cache is larger than that, known before anything is computed; StoreError.
    """
    prefix = prefix_of(bench, params)
    tokens = prefix.ids.shape[1]
    kv.check_size(tokens * bench.facts.kv_bytes_per_token, params["most_bytes"], tokens)
    context.enter(say("phase.prefix_computing"))
    cache = kv.computed(bench, prefix.ids, context)
    return kv.save(bench, params["name"], prefix.ids, prefix.text, cache, params["most_bytes"], context)
