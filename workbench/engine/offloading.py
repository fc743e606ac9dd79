"""Layers that wait elsewhere: in the computer's memory beside a GPU, on disk beside a CPU. accelerate moves them.

Each forward pass of such a layer brings its weights to the device and drops them again; embedding, norm and head stay.
"""

import shutil
import tempfile
import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch

from workbench.engine.interrupt import decoder_layers
from workbench.engine.sharding import own_part
from workbench.errors import CapabilityError


def elsewhere(device: torch.device) -> str:
    """Where the layers wait, in accelerate's word."""
    return "cpu" if device.type == "cuda" else "disk"


def device_map(model: Any, away: int, device: torch.device) -> dict[str, Any]:
    """module -> place, with the last `away` decoder layers elsewhere. `model` may be an outline without weights.

    CapabilityError when the model has fewer layers, or none that can be told apart.
    """
    layers = decoder_layers(model)
    if away > len(layers):
        raise CapabilityError("offload.too_many", asked=away, layers=len(layers))
    path = next(name for name, module in model.named_modules() if list(module.children())[: len(layers)] == layers)
    main = device if device.type == "cuda" else "cpu"
    found: dict[str, Any] = {}
    node, walked = model, ""
    for part in path.split("."):
        found |= {f"{walked}{name}": main for name, _child in node.named_children() if name != part}
        node, walked = getattr(node, part), f"{walked}{part}."
    stay = len(layers) - away
    return found | {f"{walked}{at}": main if at < stay else elsewhere(device) for at in range(len(layers))}


def dispatched(model: Any, away: int, device: torch.device) -> Any:
    """A model in this process's memory, its last `away` layers then elsewhere."""
    from accelerate import dispatch_model  # type: ignore[import-untyped]  # seconds that no other load pays

    folder = tempfile.mkdtemp(prefix="workbench-offload-")
    made = dispatch_model(model, device_map(model, away, device), offload_dir=folder)
    weakref.finalize(made, shutil.rmtree, folder, ignore_errors=True)
    return made


def loaded(read: Callable[..., Any], outline: Any, away: int, device: torch.device) -> Any:
    """What `read` makes of the files with the arguments of `from_pretrained` given here."""
    folder = tempfile.mkdtemp(prefix="workbench-offload-")
    made = read(device_map=device_map(outline, away, device), offload_folder=folder)
    weakref.finalize(made, shutil.rmtree, folder, ignore_errors=True)
    return made


def place_of(model: Any) -> Callable[[str, torch.Tensor], str]:
    """(name, tensor) -> where it is: its device, or for one that is away what `hf_device_map` says."""
    places: dict[str, Any] = getattr(model, "hf_device_map", None) or {}

    def where(name: str, tensor: torch.Tensor) -> str:
        if not tensor.is_meta:
            return str(tensor.device)
        parts = name.split(".")
        prefixes = (".".join(parts[:length]) for length in range(len(parts), -1, -1))
        found = next((places[prefix] for prefix in prefixes if prefix in places), "meta")
        return f"cuda:{found}" if isinstance(found, int) else str(found)

    return where


def layers_away(model: Any) -> int:
    """Read back: decoder layers whose weights are not on the device."""
    return sum(any(parameter.is_meta for parameter in layer.parameters()) for layer in decoder_layers(model))


def bytes_by_place(model: Any) -> dict[str, int]:
    """place -> bytes of parameters and buffers there."""
    where, found = place_of(model), Counter[str]()
    for tensors in (model.named_parameters(), model.named_buffers()):
        for name, tensor in tensors:
            found[where(name, tensor)] += own_part(tensor).nbytes
    return dict(found)
