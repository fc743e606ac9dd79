"""Before a load: is there room beside what others hold? Refused, waited for, or noted, as the session was told to."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import psutil

from workbench import machine as machines
from workbench.catalog.random_names import RandomSpec, parse
from workbench.catalog.sources import Source, demo_folder
from workbench.config import Config
from workbench.errors import ConfigError, DeviceBusy, ModelError, OutOfMemory
from workbench.forecast import Describable, forecast
from workbench.hosts import registry
from workbench.hub.contents import read_folder, read_gguf
from workbench.knobs import refusals
from workbench.knobs.formats import FORMATS, PLAIN
from workbench.others.deciding import Facts, check, owners
from workbench.others.looking import largest, look_at_gpu, others_cores
from workbench.probes.context import Context
from workbench.probes.device.foreign import own_processes
from workbench.results import Forecast, LoadCheck, Machine, ModelFacts
from workbench.words import say
from workbench.words.format import size

_LOOK_S = 1.0  # between two looks while waiting
_STOP_S = 0.1
_CPU_LOOK_S = 0.1  # a load is not held up for longer


@dataclass(frozen=True)
class Load:
    """What is to be loaded.

    what            whose size is told; None: not known
    resident_bytes  what the own engine on that device gives back first
    model           the name of a session that is to be opened; None: a change of one that is open
    """

    config: Config
    machine: Machine
    what: Describable | None
    resident_bytes: int = 0
    model: str | None = None

    @property
    def key(self) -> str:
        return registry.device_key(self.config["device"], self.machine)


def check_load(load: Load, cpu_s: float = _CPU_LOOK_S) -> LoadCheck:
    """Whether it fits now. On a CPU the weights alone must fit: what is only mapped or estimated may be paged."""
    load = replace(load, machine=machines.with_free_memory(load.machine))
    facts = _on_cpu(load, cpu_s) if load.key == "cpu" else _on_gpu(load)
    found = check(facts, load.model)
    if found.state in ("short", "too_large"):
        found = check(replace(facts, smaller=_smaller(load)), load.model)
    return found


def make_room(load: Load, when_busy: str, context: Context) -> None:
    """Returns when the load may go on; says so where it will share the device.

    DeviceBusy where others hold the memory that it needs, unless when_busy is "wait" (Stopped ends that) or "beside";
    OutOfMemory where the weights alone do not fit, whoever is there, unless it is "beside".
    An engine of this user on that device is the hosts' to speak to (`hosts.arrival`).
    """
    engine = registry.holder(load.key)
    if when_busy == "beside" or (engine and (load.model is not None or engine.owner_pid != os.getpid())):
        return
    while (found := check_load(load)).state == "short":
        shown = {
            "device": found.device,
            "needed": size(found.needed_bytes),
            "free": size(found.free_bytes),
            "others": size(found.others_bytes),
            "owners": owners(found.holders),
        }
        if when_busy != "wait":
            raise DeviceBusy("load.refused", **shown, choices="; ".join(map(str, found.choices)))
        context.doing = say("phase.room")
        context.progress(say("load.waiting", **shown), 0)
        until = time.monotonic() + _LOOK_S
        while time.monotonic() < until:
            context.check()
            time.sleep(_STOP_S)
    if found.state == "too_large" and found.free_bytes is not None:
        weights = _weights(load)
        if weights is not None and weights > found.free_bytes:
            shown = {"device": found.device, "needed": size(weights), "free": size(found.free_bytes)}
            raise OutOfMemory("load.refused_alone", **shown, choices="; ".join(map(str, found.choices)))
    if found.state == "busy":
        context.emit("note", found.text)


def load_of(now: Config, wanted: Config, machine: Machine, facts: ModelFacts, held_bytes: int) -> Load:
    """A change to `wanted` of a model that is loaded as `now`, holding so much."""
    load = Load(wanted, machine, facts)
    same = registry.device_key(now["device"], machine) == load.key
    return replace(load, resident_bytes=held_bytes if same else 0)


def describable(source: Source | None) -> Describable | None:
    """What a forecast can tell the size of, of a model that lies on this disk or is made of random numbers."""
    if source is None:
        return None
    if source.kind == "random":
        spec = parse(source.name)
        return spec.slug if spec == RandomSpec(spec.slug, seed=spec.seed) else spec.config
    if source.kind == "demo":
        source = source.model_copy(update={"path": demo_folder()})
    if source.path is None:
        return None
    file = source.gguf_file
    found = read_gguf(source.path / file, source.label) if file else read_folder(source.path, source.label)
    return None if found is None or found.quantization else found.shape


def _on_gpu(load: Load) -> Facts:
    index = int(str(load.config["device"]).partition(":")[2] or 0)
    seen = look_at_gpu(load.key)
    gpus = load.machine.gpus
    free = None
    if seen is not None and None not in (seen.sample.memory_total_bytes, seen.sample.memory_used_bytes):
        free = (seen.sample.memory_total_bytes or 0) - (seen.sample.memory_used_bytes or 0) + load.resident_bytes
    others = None if seen is None else seen.others_bytes
    if others is not None and seen is not None and seen.sample.processes is None:
        others = max(others - load.resident_bytes, 0)
    return Facts(
        device=f"cuda:{index}",
        needed=_needed(load, load.config),
        free=free,
        others=others,
        kernel_time_share=seen.sample.kernel_time_share if seen else None,
        holders=seen.holders if seen else None,
        elsewhere={
            f"cuda:{at}": gpu.free_bytes
            for at, gpu in enumerate(gpus)
            if at != index and gpu.free_bytes is not None and not gpu.mig
        },
    )


def _on_cpu(load: Load, cpu_s: float) -> Facts:
    cpu = load.machine.cpu
    own = sum(filter(None, map(_rss, own_processes())))
    return Facts(
        device="cpu",
        needed=_needed(load, load.config),
        free=cpu.available_bytes + load.resident_bytes,
        others=max(cpu.memory_bytes - cpu.available_bytes - own, 0),
        others_cores=others_cores(cpu_s),
        holders=largest(),
    )


def _needed(load: Load, config: Config) -> int | None:
    told = _told(load, config)
    if told is None:
        return None
    return told.weights if load.key == "cpu" else told.total


def _weights(load: Load) -> int | None:
    told = _told(load, load.config)
    return None if told is None else told.weights


def _told(load: Load, config: Config) -> Forecast | None:
    if load.what is None:
        return None
    try:
        return forecast(load.what, config, machine=load.machine)
    except (ModelError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return None  # an architecture without a formula, or a config with values that are none


def _smaller(load: Load) -> list[tuple[Mapping[str, Any], int]]:
    """Fewer bits that this machine can load, the most bytes first."""
    config, full = load.config, _needed(load, load.config)
    model = load.what if isinstance(load.what, ModelFacts) else None
    tried: list[dict[str, Any]] = [{"dtype": "bfloat16"}]
    if config["quantization"] in PLAIN:
        tried += [{"quantization": name} for name in FORMATS]
    found: list[tuple[Mapping[str, Any], int]] = []
    for knobs in tried:
        try:
            smaller = config.replace(**knobs)
        except ConfigError:  # it cannot stand beside the other values
            continue
        needed = None if refusals(smaller, load.machine, model) else _needed(load, smaller)
        if needed is not None and full is not None and needed < full:
            found.append((knobs, needed))
    return sorted(found, key=lambda each: -each[1])


def _rss(pid: int) -> int | None:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:  # it has just ended
        return None
