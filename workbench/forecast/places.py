"""Which part of a model would lie where, when the libraries place its layers or ranks share them; no torch.

As transformers 5.23 places them (integrations/accelerate.py): GPUs in order, then cpu, then disk. The first GPU and cpu
keep room for the largest module that is still to come; balanced gives each GPU but the last the weights ÷ GPUs and a
quarter more than the largest module. Blocks are the embedding table, the layers, all alike, and the head: a mixture of
experts whose first layers are dense is placed a little otherwise.
"""

from dataclasses import dataclass

from workbench.config import Config
from workbench.forecast.shape import Shape
from workbench.forecast.weights import WeightBytes
from workbench.knobs.budgets import budgets_of
from workbench.knobs.conditions import visible_gpus
from workbench.knobs.tensor_parallel import ranks_of
from workbench.results import Machine, PlaceForecast

_SPARE = 0.9  # of what is free, where no budget was given: cpu, and a GPU that is alone
_BUFFER = 1.25


@dataclass
class _Place:
    name: str
    budget: float
    free: int | None
    main: bool
    used: int = 0
    layers: int = 0


def places_of(config: Config, shape: Shape, weights: WeightBytes, machine: Machine | None) -> tuple[PlaceForecast, ...]:
    """Places in the order in which they are filled; empty where all is on one device, or the machine is not known."""
    if machine is None:
        return ()
    if (ranks := ranks_of(config)) > 1:
        return _ranks(ranks, weights, machine)
    if config["device_map"] == "none":
        return ()
    blocks = _blocks(shape, weights)
    places = _empty(config, machine, weights.total, max(blocks))
    at, last = 0, len(blocks) - 1
    for index, block in enumerate(blocks):
        while at < len(places) - 1:
            reserve = max(blocks[index:]) if places[at].main else 0
            if places[at].used + block <= places[at].budget - reserve:
                break
            at += 1
        places[at].used += block
        places[at].layers += 0 < index < last or (index == last and not weights.head)
    gpus = any(place.name.startswith("cuda") for place in places)
    return tuple(
        PlaceForecast(
            place=place.name,
            weights=place.used,
            layers=place.layers,
            budget=None if place.name == "disk" else int(place.budget),
            free=place.free,
            computes=place.name.startswith("cuda") if gpus else place.name == "cpu",
        )
        for place in places
        if place.used or place.name != "disk"
    )


def _blocks(shape: Shape, weights: WeightBytes) -> list[int]:
    layers = int(shape.config.get("num_hidden_layers") or 1)
    each = (weights.rest + weights.experts) // layers
    return [weights.embedding, *[each] * layers, *([weights.head] if weights.head else [])]


def _empty(config: Config, machine: Machine, total: int, largest: int) -> list[_Place]:
    budgets, gpus = budgets_of(config["max_memory"]), visible_gpus(machine)
    free = {f"cuda:{at}": gpu.memory_bytes if gpu.free_bytes is None else gpu.free_bytes for at, gpu in enumerate(gpus)}
    free["cpu"] = machine.cpu.available_bytes
    if budgets is None:
        limits = {place: float(room) for place, room in free.items()}
        limits["cpu"] *= _SPARE
        if len(gpus) == 1 and config["device_map"] != "sequential":
            limits["cuda:0"] *= _SPARE
    else:
        limits = {place if place == "cpu" else f"cuda:{place}": float(room) for place, room in budgets.items()}
    named = [place for place in limits if place.startswith("cuda") and limits[place] > 0]
    if config["device_map"] != "sequential" and len(named) > 1:
        low = config["device_map"] == "balanced_low_0"
        share = total // (len(named) - low) + int(_BUFFER * largest)
        for place in named[:-1]:
            limits[place] = min(limits[place], share if place != "cuda:0" or not low else limits[place])
        if low:
            rest = sum(limits[place] for place in named if place != "cuda:0")
            limits["cuda:0"] = min(limits["cuda:0"], max(0.0, total - rest))
    first = next((place for place in limits if place.startswith("cuda")), "cpu")
    found = [_Place(place, room, free.get(place), place in (first, "cpu")) for place, room in limits.items()]
    return [*found, _Place("disk", 0.0, None, main=False)]


def _ranks(ranks: int, weights: WeightBytes, machine: Machine) -> tuple[PlaceForecast, ...]:
    """Every rank holds the same: its part of each matrix. The norms, which each holds whole, are too few to count."""
    gpus, part = visible_gpus(machine), -(-weights.total // ranks)
    found = []
    for rank in range(ranks):
        gpu = gpus[rank] if rank < len(gpus) else None
        room = machine.cpu.available_bytes // ranks if gpu is None else gpu.free_bytes or gpu.memory_bytes
        name = f"{rank} cpu" if gpu is None else f"{rank} cuda:{rank}"
        found.append(PlaceForecast(place=name, weights=part, layers=0, budget=None, free=room, computes=True))
    return tuple(found)
