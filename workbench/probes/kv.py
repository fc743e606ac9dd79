"""The KV cache of a prompt's beginning: computed, copied, written to a file, and taken from one of this model."""

import hashlib
import json
import time
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import DynamicCache, __version__

from workbench.errors import CapabilityError, ConfigError, StoreError
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.results import SavedPrefix
from workbench.runs.artifacts import writing_artifact
from workbench.runs.prefixes import describe, differing, file_name, find, hash_of
from workbench.words import say
from workbench.words.format import size

_GROWS = "DynamicLayer"  # keys and values of every token, which a copy can be cut from
_SAMPLED = 64  # values of each tensor that the digest takes by their place
_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def computed(bench: Bench, ids: torch.Tensor, context: Context) -> Any:
    """The cache of `ids` [1, time], by one forward pass. CapabilityError when its layers keep less than every token."""
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    with bench.interruptible(context), bench.in_force():
        cache = bench.model.base_model(**bench.masked(batch), use_cache=True).past_key_values
    kinds = {type(layer).__name__ for layer in cache.layers} - {_GROWS}
    if kinds:
        raise CapabilityError("prefix.layers", kinds=", ".join(sorted(kinds)))
    if bench.device.type == "cuda":
        torch.cuda.synchronize(bench.device)
    return cache


def copied(bench: Bench, cache: Any, tokens: int) -> Any:
    """A cache of its own memory with the first `tokens` of `cache`; what continues it leaves `cache` as it was."""
    copy = DynamicCache(config=bench.model.config)
    with bench.in_force():
        for place, layer in enumerate(cache.layers):
            copy.update(layer.keys[..., :tokens, :], layer.values[..., :tokens, :], place)
    return copy


def bytes_of(cache: Any) -> int:
    return sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)


def check_size(needed: int, most_bytes: int, tokens: int) -> None:
    """ConfigError when a cache of `tokens` is larger than what may be written."""
    if needed > most_bytes:
        raise ConfigError("prefix.too_large", needed=size(needed), most=size(most_bytes), tokens=tokens)


def identity(bench: Bench) -> dict[str, str]:
    """All that a cache depends on. Takes one pass over the weights."""
    resolved = bench.resolved()
    return {
        "model": bench.facts.name,
        "weights": _weights_digest(bench.model),
        "tokenizer": _tokenizer_digest(bench.tokenizer),
        "dtype": resolved.dtype,
        "quantization": resolved.quantization,
        "attention": resolved.attention,
        "autocast": resolved.autocast,
        "transformers": __version__,
    }


def save(
    bench: Bench, name: str, ids: torch.Tensor, text: str | None, cache: Any, most_bytes: int, context: Context
) -> SavedPrefix:
    """Writes `cache` of `ids` [1, time] as `name`, whole or not at all. ConfigError above `most_bytes`; StoreError."""
    began = time.perf_counter()
    file, needed = file_name(name), bytes_of(cache)
    check_size(needed, most_bytes, ids.shape[1])
    context.progress(say("progress.prefix_save", tokens=ids.shape[1], size=size(needed)), 0)
    tensors = {"ids": ids[0].cpu()}
    for place, layer in enumerate(cache.layers):
        tensors[f"{place}.keys"] = layer.keys.cpu().contiguous()
        tensors[f"{place}.values"] = layer.values.cpu().contiguous()
    with writing_artifact(file) as path:
        save_file(tensors, path)
        found, digest = path.stat().st_size, hash_of(path)
    saved = SavedPrefix(
        name=name,
        tokens=ids.shape[1],
        cache_bytes=needed,
        bytes=found,
        sha256=digest,
        text=text,
        identity=identity(bench),
        seconds=time.perf_counter() - began,
    )
    describe(saved)
    return saved


def load(bench: Bench, name: str) -> tuple[SavedPrefix, torch.Tensor, Any]:
    """(what it is, its ids [1, time], the cache on the device).

    StoreError: there is none, or its file is not the one that was written. CapabilityError: it is of another model, or
    of this one in another state; the message names what differs.
    """
    saved, path = find(name)
    others = differing(saved.identity, identity(bench))
    if others:
        parts = "; ".join(
            str(say("prefix.differs", part=part, was=was, now=now)) for part, (was, now) in others.items()
        )
        raise CapabilityError("prefix.other_model", name=name, parts=parts)
    try:
        tensors = load_file(path, device=str(bench.device))
        cache = DynamicCache(config=bench.model.config)
        with bench.in_force():
            for place in range((len(tensors) - 1) // 2):
                cache.update(tensors[f"{place}.keys"], tensors[f"{place}.values"], place)
    except (SafetensorError, KeyError) as error:
        raise StoreError("prefix.changed", name=name) from error
    return saved, tensors["ids"][None], cache


@torch.inference_mode()
def _weights_digest(model: Any) -> str:
    """Every tensor by its name, shape, format, the sum of all its bits as integers, and some values by their place."""
    digest = hashlib.sha256()
    state = {name: tensor for name, tensor in model.state_dict(keep_vars=True).items() if torch.is_tensor(tensor)}
    for name, tensor in sorted(state.items()):
        if tensor.is_meta:
            raise CapabilityError("prefix.offloaded", tensor=name)
        held = tensor.detach().contiguous().view(-1)
        bits = held.view(_INTEGERS[held.element_size()]) if held.element_size() in _INTEGERS else held
        places = torch.linspace(0, max(bits.numel() - 1, 0), _SAMPLED, dtype=torch.float64).long().to(bits.device)
        sampled = bits[places].tolist() if bits.numel() else []
        digest.update(json.dumps([name, list(tensor.shape), str(tensor.dtype), _sum(bits), sampled]).encode())
    return digest.hexdigest()[:32]


def _sum(bits: torch.Tensor) -> int:
    return int(bits.sum(dtype=torch.int64)) if bits.numel() else 0


def _tokenizer_digest(tokenizer: Any) -> str:
    """Of the vocabulary and all that turns text into ids; padding and truncation change from call to call."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    described = json.loads(backend.to_str()) if backend is not None else {"vocabulary": tokenizer.get_vocab()}
    for passing in ("padding", "truncation"):
        described.pop(passing, None)
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:32]
