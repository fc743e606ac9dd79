"""Memory by the tensors: what a token takes in the cache; and a GPU's, filled and cut into pieces."""

import time
from typing import Any

import torch

from workbench.errors import CapabilityError, OutOfMemory
from workbench.probes import kv
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.timing import prepare
from workbench.results import Quantities, Quantity, Workload
from workbench.stats import ratio_interval
from workbench.words import say

_WORK = Workload(prompt_tokens=64, new_tokens=16)
_PAIRS = 6
_BLOCK_BYTES = 64 * 2**20
_FILLED = 0.8  # of what is free, before every other block is freed
_STEP_BYTES = 16 * 2**20  # to which the largest block is found
_MLA = ("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")


def cache_tensors(bench: Bench, _params: dict[str, Any], context: Context) -> Quantities:
    """Bytes that a token takes in the cache, ÷ those of keys and values of every head that attention multiplies."""
    batch = prepare(bench, _WORK)
    with torch.inference_mode():
        cache = kv.computed(bench, batch["input_ids"], context)
    kept = kv.bytes_of(cache) / _WORK.prompt_tokens
    config = bench.model.config.get_text_config()
    if all(getattr(config, name, None) for name in _MLA):
        values = config.num_attention_heads * sum(getattr(config, name) for name in _MLA)
    else:
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        values = 2 * config.num_key_value_heads * width
    size = cache.layers[0].keys.element_size()
    expanded = config.num_hidden_layers * values * size
    return Quantities(
        values={"kept_ratio": Quantity(value=kept / expanded)},
        notes=(say("tips.note.cache", kept=round(kept), expanded=expanded),),
    )


def ballast(bench: Bench, params: dict[str, Any], context: Context) -> Quantities:
    """params: filled, the share of the GPU's memory in use. Decode with and without ballast, by turns."""
    _needs_cuda(bench)
    batch = prepare(bench, _WORK)
    bench.produce(batch, None, _WORK.new_tokens)
    seconds = []
    for turn in range(_PAIRS):
        taken = {}
        for filled in (True, False) if turn % 2 else (False, True):
            context.check()
            held = _filled(bench.device, params["filled"]) if filled else None
            torch.cuda.synchronize(bench.device)
            began = time.perf_counter()
            bench.produce(batch, None, _WORK.new_tokens)
            torch.cuda.synchronize(bench.device)
            taken[filled] = time.perf_counter() - began
            del held
            torch.cuda.empty_cache()
        seconds.append((taken[False], taken[True]))
    ratio, bounds = ratio_interval(seconds)
    return Quantities(values={"tpot_ratio": Quantity(value=ratio, ci95=bounds)})


def emptied(bench: Bench, _params: dict[str, Any], context: Context) -> Quantities:
    """The largest block that can be had of memory of which every other block is taken, before and after empty_cache."""
    _needs_cuda(bench)
    torch.cuda.empty_cache()
    free, _total = torch.cuda.mem_get_info(bench.device)
    count = int(free * _FILLED) // _BLOCK_BYTES
    blocks: list[Any] = [torch.empty(_BLOCK_BYTES, dtype=torch.uint8, device=bench.device) for _ in range(count)]
    blocks[::2] = [None] * len(blocks[::2])
    before = _largest(bench.device, context)
    torch.cuda.empty_cache()
    after = _largest(bench.device, context)
    del blocks
    torch.cuda.empty_cache()
    return Quantities(values={"block_ratio": Quantity(value=after / before if before else None)})


def _filled(device: torch.device, share: float) -> torch.Tensor | None:
    free, total = torch.cuda.mem_get_info(device)
    wanted = int(share * total) - (total - free)
    return torch.empty(wanted, dtype=torch.uint8, device=device) if wanted > 0 else None


def _largest(device: torch.device, context: Context) -> int:
    """Bytes, found by halving."""
    low, high = 0, torch.cuda.get_device_properties(device).total_memory
    while high - low > _STEP_BYTES:
        context.check()
        middle = (low + high) // 2
        try:
            held = torch.empty(middle, dtype=torch.uint8, device=device)
        except (torch.OutOfMemoryError, OutOfMemory):
            high = middle
        else:
            del held
            low = middle
    return low


def _needs_cuda(bench: Bench) -> None:
    if bench.device.type != "cuda":
        raise CapabilityError("tips.on_the_gpu", device=bench.device.type)
