"""What a KV cache really holds: every tensor of it, packed and quantised ones included, by device."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils._python_dispatch import is_traceable_wrapper_subclass


def cache_bytes(cache: Any) -> dict[str, int]:
    """device -> bytes of the cache's tensors, each storage counted once; empty for an unknown kind of cache."""
    seen: set[tuple[str, int]] = set()
    found: Counter[str] = Counter()
    for layer in getattr(cache, "layers", ()):
        for tensor in _tensors(vars(layer)):
            storage = tensor.untyped_storage()
            where = (str(tensor.device), storage.data_ptr())
            if where not in seen:
                seen.add(where)
                found[where[0]] += storage.nbytes()
    return dict(found)


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    """Plain tensors within containers and within tensor subclasses (packed weights, their scales and shifts)."""
    if isinstance(value, torch.Tensor):
        if is_traceable_wrapper_subclass(value):
            names, _ = value.__tensor_flatten__()
            for name in names:
                yield from _tensors(getattr(value, name))
        else:
            yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _tensors(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)
