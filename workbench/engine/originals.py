"""The weights that a quantised model was made of, read again beside it: on the host, from the files where they are."""

from typing import Any

import psutil
import torch

from workbench.config import Config
from workbench.engine.loading import Checkpoint
from workbench.engine.stored import stored
from workbench.errors import CapabilityError
from workbench.probes.quality.twins import Twin


def twins(checkpoint: Checkpoint | None, model: Any, config: Config) -> tuple[Twin, ...]:
    """The linear layers of `model` that are quantised, in its order, each with its weights in full.

    CapabilityError where nothing is quantised, where there are no full weights, or no room for them.
    """
    held: dict[str, int] = {}
    for one in stored(model):
        if one.word != "none" and one.row is not None:
            name = one.name.rpartition(".")[0]
            held[name] = held.get(name, 0) + _bytes((*one.data, *one.state))
    if not held:
        raise CapabilityError("sensitivity.not_quantized")
    if checkpoint is None:
        raise CapabilityError("sensitivity.attached")
    if checkpoint.stated is not None:
        raise CapabilityError("sensitivity.no_originals", name=checkpoint.source.label, told=checkpoint.stated.told)
    whole = _in_full(checkpoint, model, config)
    layers = {name: module for name, module in whole.named_modules() if isinstance(module, torch.nn.Linear)}
    return tuple(
        Twin(name, model.get_submodule(name), count, layers[name]) for name, count in held.items() if name in layers
    )


def _in_full(checkpoint: Checkpoint, model: Any, config: Config) -> Any:
    """The model as its files have it. In their own number format, safetensors stay on disk until they are touched."""
    host = torch.device("cpu")
    mapped = checkpoint.random is None and checkpoint.source.gguf_file is None
    wanted = Config(device="cpu", dtype="auto" if mapped else config.dtype, quantization="none")
    if not mapped:
        needed = sum(one.values for one in stored(model)) * model.dtype.itemsize
        free = psutil.virtual_memory().available
        if needed > free:
            raise CapabilityError("sensitivity.no_room", needed=needed / 1e9, free=free / 1e9)
    return checkpoint.model(wanted, host, checkpoint.way(wanted, host))


def _bytes(tensors: tuple[torch.Tensor, ...]) -> int:
    """Of their storages, each once."""
    return sum({part.untyped_storage().data_ptr(): part.untyped_storage().nbytes() for part in tensors}.values())
