"""How much memory a KV cache of each kind takes on the model's device, from the knobs; nothing is loaded."""

import math
from collections.abc import Mapping
from typing import Any

from workbench.knobs import KNOBS
from workbench.results import Workload

# transformers.cache_utils.QuantizedLayer (5.23): values that share a scale and a zero point, each in the model's own
# format; new tokens stay unquantised until there are this many
_GROUP, _RESIDUAL = 64, 128
_BITS = 4
_RESIDENT_LAYERS = 2  # of an offloaded cache: the one at work and the next (transformers.cache_utils.Cache.prefetch)
SHORTEST = 256  # tokens of the compiled loop's cache


def loop_cache_tokens(config: Mapping[str, Any], tokens: int) -> int:
    """Length of the compiled loop's cache for prompt and answer of `tokens`: rounded up, so that few are compiled."""
    if config["cache_length"] != "auto":
        return int(config["cache_length"])
    return max(SHORTEST, 1 << (tokens - 1).bit_length())


def kv_cache_bytes(config: Mapping[str, Any], workload: Workload, values: int, size: int, layers: int | None) -> int:
    """Bytes on the model's device at the end of `workload`.

    values  numbers that one token of one row adds, all layers; `size`: bytes of one, unquantised
    layers  of the model; None: not known, an offloaded cache then counts whole
    """
    tokens = workload.prompt_tokens + workload.new_tokens
    kind = config["cache"] if KNOBS["cache"].when(config) else "compiled"
    if kind == "compiled":
        tokens = max(tokens, loop_cache_tokens(config, tokens))
    elif kind in ("static", "offloaded_static") and config["cache_length"] != "auto":
        tokens = max(tokens, config["cache_length"])
    per_row = float(values * size * tokens)
    if kind == "quantized" and config["cache_backend"] == "fp8":
        per_row = float(values * tokens)
    elif kind == "quantized":
        bits = _BITS if config["cache_bits"] == "auto" else config["cache_bits"]
        kept = bits / 8 + 2 * size / _GROUP
        fresh = min(workload.new_tokens, _RESIDUAL)
        per_row = values * (kept * (tokens - fresh) + size * fresh)
    elif kind.startswith("offloaded") and layers:
        per_row *= min(_RESIDENT_LAYERS / layers, 1.0)
    return math.ceil(workload.batch_size * per_row)
