"""Questions that no model needs to be loaded for: packages, the driver, the catalogue, what fits."""

from collections.abc import Callable, Mapping
from typing import Any

from workbench.catalog import shapes
from workbench.catalog.gpus import gpu
from workbench.catalog.models import hf_config
from workbench.config import Config
from workbench.errors import CapabilityError
from workbench.forecast import forecast
from workbench.knobs.formats import FORMATS
from workbench.results import Machine, Quantities, Quantity, Workload
from workbench.words import say

_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


def packages(machine: Machine, params: Mapping[str, Any]) -> Quantities:
    """params: names, as the doctor knows them."""
    known = [package for name in params["names"] if (package := machine.package(name)) is not None]
    count = len(params["names"])
    return Quantities(
        values={
            "found": Quantity(value=sum(each.version is not None for each in known) / count),
            "usable": Quantity(value=sum(bool(each.usable) for each in known) / count),
        }
    )


def driver(machine: Machine, _params: Mapping[str, Any]) -> Quantities:
    """The newest CUDA that the driver takes against the one that torch brings. CapabilityError where one is unknown."""
    torch = machine.torch
    if torch is None or torch.cuda_runtime is None or machine.driver_cuda is None:
        raise CapabilityError("tips.no_driver")
    theirs, ours = (tuple(map(int, each.split(".")[:2])) for each in (machine.driver_cuda, torch.cuda_runtime))
    return Quantities(
        values={
            "works_with_other_version": Quantity(value=torch.cuda_available and theirs != ours),
            "covers": Quantity(value=theirs >= ours),
        },
        notes=(say("tips.note.driver", driver=machine.driver_cuda, torch=torch.cuda_runtime),),
    )


def architecture(_machine: Machine, params: Mapping[str, Any]) -> Quantities:
    """params: slugs, dtype."""
    configs = {slug: hf_config(slug) for slug in params["slugs"]}
    first = params["slugs"][0]
    parts = shapes.parameters(configs[first])
    weights = forecast(first, Config(device="cpu", dtype=params.get("dtype", "bfloat16"))).weights
    contexts = {slug: int(each["max_position_embeddings"]) for slug, each in configs.items()}
    shortest = min(contexts, key=contexts.__getitem__)
    sparse = [slug for slug, each in configs.items() if each.get("index_n_heads")]
    return Quantities(
        values={
            "sparse_attention": Quantity(value=len(sparse) / len(configs)),
            "context_tokens": Quantity(value=contexts[shortest]),
            "parameters": Quantity(value=parts.total),
            "flop_per_token": Quantity(value=2 * parts.active),
            "bytes_per_parameter": Quantity(value=weights / parts.total),
        },
        notes=(say("tips.note.models", count=len(configs), shortest=shortest),),
    )


def fit(_machine: Machine, params: Mapping[str, Any]) -> Quantities:
    """params: gpu, and slug with knobs and work, or bare parameters in a format."""
    there = gpu(params["gpu"])
    if "parameters" in params:
        quantization = params["knobs"]["quantization"]
        each = FORMATS[quantization].bits / 8 if quantization != "none" else _BYTES[params["knobs"]["dtype"]]
        needed, room = params["parameters"] * each, there.memory_bytes
        fits = needed <= room
    else:
        found = forecast(
            params["slug"], Config(device="cuda", **params["knobs"]), Workload(**params["work"]), on=params["gpu"]
        )
        needed, room = found.weights + found.kv_cache + found.workspace, found.available or there.memory_bytes
        fits = bool(found.fits)
    return Quantities(
        values={"fits": Quantity(value=fits)},
        notes=(say("tips.note.fit", needed=round(needed), room=round(room), gpu=there.name),),
    )


FACTS: dict[str, Callable[[Machine, Mapping[str, Any]], Quantities]] = {
    "packages": packages,
    "driver": driver,
    "architecture": architecture,
    "fit": fit,
}
