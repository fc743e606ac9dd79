"""The doctor: gathers the facts, judges them, and keeps what was slow to find out."""

import os
import platform
from collections.abc import Callable
from importlib import metadata
from typing import Any

from pydantic import ValidationError

from workbench.machine import cache, threads
from workbench.machine.accelerators import unsupported
from workbench.machine.cpu import identify, read_cpu
from workbench.machine.facts import (
    Facts,
    found_tools,
    installed_versions,
    is_wsl,
    system_release,
    wait_policy_set,
)
from workbench.machine.findings import findings
from workbench.machine.gpus import Driver, read_driver, visible_gpus
from workbench.machine.limits import read_limits
from workbench.machine.packages import DISTRIBUTIONS, judge_all
from workbench.machine.power import read_power
from workbench.machine.storage import read_storage
from workbench.machine.surroundings import surroundings
from workbench.machine.topology import read_topology
from workbench.machine.torch_process import read_torch
from workbench.machine.visible import read_visible
from workbench.results import Ceilings, Cpu, Machine, ThreadChoice
from workbench.words import Message

_CEILINGS = "ceilings"
_IDENTITY = "cpu"
_READ_BY_TORCH = ("torch", "transformers", *DISTRIBUTIONS)


def doctor(refresh: bool = False, *, measure: bool = False, progress: Callable[[str], None] | None = None) -> Machine:
    """The report on what this machine can run.

    refresh   forgets what was kept and finds it out anew
    measure   measures the thread count and waiting policy (about 12 s) where no measurement is kept
    progress  is told in words what takes time

    The first call after an installation takes seconds, because torch is asked in a process of its own; later ones are
    read from the home directory. Memory, disk and GPUs are always as of now. Raises nothing for what is missing or
    broken: the report says it.
    """
    versions = installed_versions(_READ_BY_TORCH)
    driver = read_driver()
    torch = read_torch(versions, driver.version, refresh)
    cpu = _cpu()
    choice = thread_choice(measure, refresh=refresh, progress=progress) if torch.facts else None
    release = platform.release()
    visible = read_visible(os.environ.get("CUDA_VISIBLE_DEVICES"), driver.gpus)
    storage = read_storage()
    facts = Facts(
        system=platform.system(),
        release=system_release(),
        architecture=platform.machine(),
        python=platform.python_version(),
        cpu=cpu,
        wsl=is_wsl(release),
        machine_cpus=os.cpu_count() or 1,
        limits=read_limits(),
        driver=driver,
        gpus=visible_gpus(driver, torch.facts, visible),
        visible=visible,
        accelerator=unsupported(),
        surroundings=surroundings(),
        topology=read_topology() if len(driver.gpus) > 1 else None,
        torch=torch.facts,
        torch_problem=torch.problem,
        versions=versions,
        tools=found_tools(),
        threads=choice,
        wait_policy_set=wait_policy_set(),
        free_disk_bytes=storage.free_bytes,
        storage=storage,
        power=read_power(),
    )
    return report(facts, _kept_ceilings(_ceilings_key(cpu, driver)), (torch.unkept,) if torch.unkept else ())


def report(facts: Facts, ceilings: dict[str, Ceilings], more: tuple[Message, ...] = ()) -> Machine:
    """The facts judged and put into words' codes: a pure function."""
    return Machine(
        label=label(facts),
        platform=facts.platform,
        python=facts.python,
        cpu=facts.cpu,
        gpus=facts.gpus,
        torch=facts.torch,
        driver_cuda=".".join(map(str, facts.driver.cuda)) if facts.driver.cuda else None,
        packages=judge_all(facts),
        tools=tuple(sorted(facts.tools)),
        threads=facts.threads,
        ceilings=ceilings,
        free_disk_bytes=facts.free_disk_bytes,
        storage=facts.storage,
        power=facts.power,
        topology=facts.topology,
        lines=(*findings(facts), *more),
    )


def with_free_memory(machine: Machine) -> Machine:
    """The report with the memory that is free at this moment, on the processor's side and on each GPU."""
    free = {gpu.uuid or gpu.index: gpu.free_bytes for gpu in read_driver().gpus}
    gpus = tuple(gpu.model_copy(update={"free_bytes": free.get(gpu.uuid or gpu.index)}) for gpu in machine.gpus)
    cpu = machine.cpu.model_copy(update={"available_bytes": _cpu().available_bytes})
    return machine.model_copy(update={"cpu": cpu, "gpus": gpus})


def label(facts: Facts) -> str:
    """A few words for charts: the GPUs where torch can use them, else the processor."""
    if facts.can_use_gpu:
        names = [gpu.name for gpu in facts.gpus]
        return f"{names[0]} ×{len(names)}" if len(names) > 1 else names[0]
    return f"{facts.cpu.name}, {facts.cpu.cores} core{'s' if facts.cpu.cores != 1 else ''}"


def thread_choice(
    measure: bool = False, *, refresh: bool = False, progress: Callable[[str], None] | None = None
) -> ThreadChoice:
    """The kept choice of threads and waiting policy; measured now (about 12 s) when asked and not yet known.

    Without a measurement: one thread, passive waiting, and a reason that says so.
    """
    cpu = _cpu()
    key = _cpu_key(cpu)
    kept = None if refresh else threads.kept_choice(key)
    if kept is not None:
        return kept
    return threads.measure_choice(cpu, key, progress) if measure else threads.default_choice()


def worker_environment() -> dict[str, str]:
    """Environment that a worker needs before it imports torch; milliseconds, measures nothing."""
    return threads.environment_for(thread_choice())


def remember_ceilings(found: Ceilings) -> Message | None:
    """Keeps what a device reached, without samples, for this machine, torch and driver; answers why it could not."""
    held = _ceilings_key(_cpu(), read_driver())
    known = {**_kept_ceilings(held), found.key: found.lean()}
    return cache.store(_CEILINGS, held, {key: each.to_dict() for key, each in known.items()})


def _kept_ceilings(key: dict[str, Any]) -> dict[str, Ceilings]:
    """By device; empty when none were measured on this machine under these versions."""
    kept = cache.load(_CEILINGS, key)
    try:
        return {str(device): Ceilings.from_dict(value) for device, value in kept.items()} if kept else {}
    except (AttributeError, ValidationError):  # of another version of the workbench, or damaged: measured again
        return {}


def _ceilings_key(cpu: Cpu, driver: Driver) -> dict[str, Any]:
    gpus = [gpu.uuid or gpu.name for gpu in driver.gpus]
    return {**_cpu_key(cpu), "gpus": gpus, "driver": driver.version}


def _cpu() -> Cpu:
    name, features = _identity()
    return read_cpu(read_limits(), name, features)


def _identity() -> tuple[str, tuple[str, ...]]:
    """Name and features, kept, because py-cpuinfo takes a second where there is no /proc/cpuinfo."""
    key = f"{platform.system()} {platform.machine()} {platform.processor()}"
    if platform.system() == "Linux":
        return identify()
    kept = cache.load(_IDENTITY, key)
    if isinstance(kept, list) and len(kept) == 2:
        return str(kept[0]), tuple(kept[1])
    name, features = identify()
    cache.store(_IDENTITY, key, [name, list(features)])
    return name, features


def _cpu_key(cpu: Cpu) -> dict[str, Any]:
    """What a CPU measurement holds for."""
    try:
        torch = metadata.version("torch")
    except metadata.PackageNotFoundError:
        torch = None
    return {"cpu": cpu.name, "cores": cpu.cores, "logical_cores": cpu.logical_cores, "torch": torch}
