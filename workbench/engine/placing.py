"""Layers spread over devices by the libraries' own words: device_map and max_memory of `from_pretrained`.

The map is inferred once before a load, on modules without weights, so that what cannot work is told while the old model
is still there. What lies elsewhere in the end is read from the model.
"""

import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import torch

from workbench.config import Config
from workbench.engine.interrupt import decoder_layers
from workbench.errors import CapabilityError
from workbench.knobs.budgets import budgets_of, written
from workbench.words.format import size


def inferred(outline: Any, config: Config) -> dict[str, Any]:
    """module path -> GPU number, "cpu" or "disk", as transformers will place `outline`, in the dtype it has.

    CapabilityError when not even the embedding table stays on a device that computes.
    """
    from transformers.integrations import accelerate as libraries  # seconds that no other load pays

    kept, budgets = set(outline._no_split_modules or ()), budgets_of(config.max_memory)
    if config.device_map == "sequential":
        limits = libraries.get_max_memory(budgets)
    else:
        low = config.device_map == "balanced_low_0"
        limits = libraries.get_balanced_memory(outline, budgets, kept, low_zero=low)
    found = dict(libraries.infer_auto_device_map(outline, limits, kept))
    if _stays(found) is None:
        sizes, _leaves = libraries.compute_module_sizes(outline)
        names = {id(module): name for name, module in outline.named_modules()}
        table = outline.get_input_embeddings().weight.nbytes
        head = outline.get_output_embeddings()
        parts = [*decoder_layers(outline), *([head] if head is not None else [])]
        largest = max((sizes[names[id(part)]] for part in parts), default=0)
        raise CapabilityError(
            "placement.nothing_stays",
            budgets=", ".join(f"{place}={size(int(budget))}" for place, budget in limits.items()) or "-",
            table=size(table),
            layer=size(largest),
            least=size(table + largest),
        )
    return found


def _stays(places: dict[str, Any]) -> Any:
    """The device that the first module stays on; None where it waits elsewhere."""
    on_gpu = any(place not in ("cpu", "disk") for place in places.values())
    first = next(iter(places.values()))
    if "" not in places:
        first = next((place for name, place in places.items() if "embed" in name), first)
    return None if first == "disk" or (on_gpu and first == "cpu") else first


def loaded(read: Callable[..., Any], config: Config) -> Any:
    """What `read` makes of the files with the arguments of `from_pretrained` given here."""
    folder = tempfile.mkdtemp(prefix="workbench-offload-")
    placed: dict[str, Any] = {"device_map": config.device_map, "offload_folder": folder}
    if (budgets := budgets_of(config.max_memory)) is not None:
        placed["max_memory"] = budgets
    try:
        made = read(**placed)
    except ValueError as error:
        if "dispatched on the CPU or the disk" not in str(error):  # bitsandbytes' quantisers of transformers
            raise
        raise CapabilityError("placement.quantized_away", quantization=config.quantization) from error
    weakref.finalize(made, shutil.rmtree, folder, ignore_errors=True)
    return made


def dispatched(model: Any, config: Config) -> Any:
    """A model in this process's memory, placed as one that comes from files would be."""
    from accelerate import dispatch_model  # type: ignore[import-untyped]

    places = inferred(model, config)
    if set(places.values()) == {"cpu"}:
        return model
    folder = tempfile.mkdtemp(prefix="workbench-offload-")
    made = dispatch_model(model, places, offload_dir=folder, skip_keys=model._skip_keys_device_placement)
    weakref.finalize(made, shutil.rmtree, folder, ignore_errors=True)
    return made


def main_device(model: Any, otherwise: torch.device) -> torch.device:
    """Where a call's token ids go: the device that computes the first module."""
    places = module_map(model)
    if not places:
        return torch.device(model.device) if model.device.type != "meta" else otherwise
    first = _stays(places)
    return torch.device(first if first is not None else "cpu")


def module_map(model: Any) -> dict[str, str]:
    """Read back: module path -> cuda:0, cpu, disk, where something placed the modules; else empty."""
    places: dict[str, Any] = getattr(model, "hf_device_map", None) or {}
    return {name: f"cuda:{place}" if isinstance(place, int) else str(place) for name, place in places.items()}


def kept_budgets(config: Config, held: Mapping[str, int]) -> str | tuple[str, ...]:
    """The knob max_memory as it was kept to. held: place -> bytes of weights there."""
    budgets = budgets_of(config.max_memory)
    if budgets is None:
        return "auto"
    there = {place: held.get(place if isinstance(place, str) else f"cuda:{place}", 0) for place in budgets}
    return written({place: max(budget, there[place]) for place, budget in budgets.items()})


def boundaries(model: Any) -> tuple[str, ...]:
    """Where one token crosses from place to place on its way through the layers, in order: "module: from > to"."""
    places = module_map(model)
    if not places:
        return ()
    names = {id(module): name for name, module in model.named_modules()}
    head = model.get_output_embeddings()
    steps = [model.get_input_embeddings(), *decoder_layers(model), *([head] if head is not None else [])]
    way = [(names[id(step)], _place(places, names[id(step)])) for step in steps]
    return tuple(f"{name}: {before} > {after}" for (_, before), (name, after) in pairwise(way) if before != after)


def _place(places: dict[str, str], name: str) -> str:
    parts = name.split(".")
    prefixes = (".".join(parts[:length]) for length in range(len(parts), -1, -1))
    return next((places[prefix] for prefix in prefixes if prefix in places), "?")
