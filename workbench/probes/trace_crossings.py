"""What crosses between devices and ranks in a traced run, and how long that took, from the profile itself.

Collectives: each process group of torch records its own as "gloo:all_reduce", "nccl:all_gather", with the shape of what
this rank gives (torch/csrc/distributed/c10d/ProcessGroupGloo.cpp, ProcessGroupNCCL.cpp). gloo's record lasts until the
result is there, the wait for slower ranks included; on a GPU the kernels are what lasts (ncclDevKernel_…).
Copies: accelerate's hooks bring weights that wait elsewhere, and states that come from another device; they are marked
here, and a GPU is waited for before and after each.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.autograd import DeviceType  # type: ignore[attr-defined]
from torch.profiler import record_function

from workbench.probes.trace_events import MARK, Event, edges_of
from workbench.results import CrossingUse, TracePhase

_CROSSING = MARK + "crossing"
_COLLECTIVE = re.compile(r"^(?:gloo|nccl):(?P<what>[a-z_]+)$")
_NCCL = re.compile(r"^ncclDevKernel_(?P<what>[A-Za-z]+)")
_BYTES = {"double": 8, "float": 4, "c10::BFloat16": 2, "c10::Half": 2, "long int": 8, "int": 4, "bool": 1}


@dataclass
class _Sum:
    times: int = 0
    bytes: int = 0
    seconds: float = 0.0


def with_crossings(
    phases: tuple[TracePhase, TracePhase], events: Sequence[Event], kineto: Iterable[Any]
) -> tuple[TracePhase, TracePhase]:
    """Prefill and decode with what crossed in each."""
    edges, steps = edges_of(events), [phase.steps for phase in phases]
    sums: list[dict[tuple[str, str, str, str], _Sum]] = [{}, {}]
    kernels: list[dict[str, float]] = [{}, {}]
    for event in kineto:
        name, at = event.name(), bisect_right(edges, event.start_ns()) - 1
        if not 0 <= at < 2:
            continue
        seconds = event.duration_ns() / 1e9
        if kernel := _NCCL.match(name):
            what = _snake(kernel["what"])
            kernels[at][what] = kernels[at].get(what, 0.0) + seconds
        elif name.startswith(_CROSSING) and event.device_type() == DeviceType.CPU:
            what, where, source, target, size = name.removeprefix(_CROSSING + "|").split("|")
            _add(sums[at], (what, where, source, target), int(size), seconds)
        elif event.device_type() == DeviceType.CPU and (collective := _COLLECTIVE.match(name)):
            _add(sums[at], (collective["what"], "", "", ""), _given(event), 0.0 if name[0] == "n" else seconds)
    for at, found in enumerate(kernels):
        for (what, *_), taken in sums[at].items():
            taken.seconds += found.get(what, 0.0)
    first, second = (
        phase.model_copy(update={"crossings": tuple(_use(key, taken, each) for key, taken in found.items())})
        for phase, found, each in zip(phases, sums, steps, strict=True)
    )
    return first, second


def _add(
    sums: dict[tuple[str, str, str, str], _Sum], key: tuple[str, str, str, str], size: int, seconds: float
) -> None:
    taken = sums.setdefault(key, _Sum())
    taken.times += 1
    taken.bytes += size
    taken.seconds += seconds


def _use(key: tuple[str, str, str, str], taken: _Sum, steps: int) -> CrossingUse:
    what, where, source, target = key
    return CrossingUse(
        what=what,
        where=where,
        source=source,
        target=target,
        times=taken.times / steps,
        bytes=taken.bytes / steps,
        seconds=taken.seconds / steps,
    )


def _given(event: Any) -> int:
    """Bytes that this rank gives to a collective."""
    total = 0
    for shape, dtype in zip(event.shapes(), event.dtypes(), strict=False):
        if shape:
            total += torch.Size(shape).numel() * _BYTES.get(dtype, 0)
    return total


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


@contextmanager
def watched(model: torch.nn.Module) -> Iterator[None]:
    """Within it each copy that accelerate's hooks make shows in a profile. Nothing is changed where there are none."""
    changed: list[Any] = []
    places = getattr(model, "hf_device_map", None) or {}
    try:
        for path, module in model.named_modules():
            hook = getattr(module, "_hf_hook", None)
            if hook is not None and hasattr(hook, "execution_device"):
                hook.pre_forward = _marking(hook, _unit(path), _source(places, path))
                changed.append(hook)
        yield
    finally:
        for hook in changed:
            del hook.pre_forward  # the class's own again


def _marking(hook: Any, where: str, away: str) -> Callable[..., Any]:
    inner, target = hook.pre_forward, _word(hook.execution_device)

    def before(module: torch.nn.Module, *arguments: Any, **named: Any) -> Any:
        weights = 0
        if hook.offload:
            tensors = [tensor for _, tensor in module.named_parameters(recurse=hook.place_submodules)]
            weights = sum(tensor.nbytes for tensor in tensors if tensor.is_meta)
        kept = (
            set(hook.skip_keys if not isinstance(hook.skip_keys, str) else [hook.skip_keys])
            if hook.skip_keys
            else set()
        )
        given = [*_tensors(arguments), *_tensors([value for name, value in named.items() if name not in kept])]
        states = [tensor for tensor in given if _word(tensor.device) != target]
        moved = sum(tensor.nbytes for tensor in states)
        if not weights and not moved:
            return inner(module, *arguments, **named)
        what, source = ("weights", away) if weights else ("states", _word(states[0].device))
        _wait(target)
        with record_function(f"{_CROSSING}|{what}|{where}|{source}|{target}|{weights + moved}"):
            found = inner(module, *arguments, **named)
            _wait(target)
        return found

    return before


def _tensors(values: Iterable[Any]) -> Iterator[torch.Tensor]:
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


def _wait(place: str) -> None:
    if place.startswith("cuda"):
        torch.cuda.synchronize(torch.device(place))


def _word(device: Any) -> str:
    return f"cuda:{device}" if isinstance(device, int) else str(device)


def _unit(path: str) -> str:
    """The decoder layer that holds a module; else the module."""
    match = re.match(r".*?\.\d+(?=\.|$)", path)
    return match[0] if match else path


def _source(places: dict[str, Any], path: str) -> str:
    parts = path.split(".")
    prefixes = (".".join(parts[:length]) for length in range(len(parts), -1, -1))
    return next((_word(places[prefix]) for prefix in prefixes if prefix in places), "?")
