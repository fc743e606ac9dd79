"""The sharing check: who else uses a device, whether a timed run is on, and whether a model would fit."""

import os
from typing import Any

from workbench import machine as machines
from workbench import turn
from workbench.catalog.sources import find
from workbench.config import Config
from workbench.hosts.registry import device_key
from workbench.hub.caches import locate
from workbench.others.load import Load, check_load, describable
from workbench.others.looking import LOOK_S, Cpu, GpuLook, look_at_cpu, look_at_gpu
from workbench.pairing import DISTURBED_CORES, DISTURBED_GPU, SHARED_CORES
from workbench.results import LoadCheck, Machine, Sharing, TimedRun
from workbench.words import Message, say
from workbench.words.format import number, share, size


def sharing(
    device: str = "auto", config: Config | None = None, model: str | None = None, *, seconds: float = LOOK_S
) -> Sharing:
    """Who uses `device` beside this notebook, in a look of `seconds`.

    model, config  also whether it fits there now (default: Config()), and what to do where it does not. A model that is
                   not on this disk yet is not looked for elsewhere: its size is then not known.

    ModelError for a name that is none.
    """
    machine = machines.doctor()
    wanted = (config or Config()).replace(**({} if config and device == "auto" else {"device": device}))
    load = None
    if model is not None:
        source = find(model)
        if source.kind == "hub":
            source = source.model_copy(update={"path": locate(model, None)})
        load = check_load(Load(wanted, machine, describable(source), model=model))
    return seen(wanted["device"], machine, load, seconds)


def seen(
    device: str, machine: Machine, load: LoadCheck | None = None, seconds: float = LOOK_S, *, besides: bool = False
) -> Sharing:
    """The same where the machine is known. `besides`: a timed run of this process does not count."""
    machine = machines.with_free_memory(machine)
    key = device_key(device, machine)
    gpu = None if key == "cpu" else look_at_gpu(key, seconds)
    cpu = look_at_cpu(seconds)
    run = turn.running(key)
    if besides and run is not None and run.pid == os.getpid():
        run = None
    return told(device, key, machine, cpu, gpu, run, load)


def told(
    device: str,
    key: str,
    machine: Machine,
    cpu: Cpu,
    gpu: GpuLook | None,
    run: TimedRun | None,
    load: LoadCheck | None = None,
) -> Sharing:
    """The verdict on what was seen: a pure function."""
    name = "cpu" if key == "cpu" else f"cuda:{int(device.partition(':')[2] or 0)}"
    verdict, text = _verdict(name, key, machine.cpu.logical_cores, cpu, gpu, run)
    sample = gpu.sample if gpu else None
    return Sharing(
        device=key,
        name=name,
        verdict=verdict,
        text=text,
        seconds=cpu.seconds,
        cores=machine.cpu.logical_cores,
        others_cores=cpu.others_cores,
        memory_bytes=machine.cpu.memory_bytes,
        available_bytes=machine.cpu.available_bytes,
        neighbours=cpu.neighbours,
        gpu_used_bytes=sample.memory_used_bytes if sample else None,
        gpu_total_bytes=sample.memory_total_bytes if sample else None,
        gpu_kernel_time_share=sample.kernel_time_share if sample else None,
        gpu_others_share=gpu.others_share if gpu else None,
        gpu_holders=gpu.holders if gpu else None,
        timed_run=run,
        load=load,
        remarks=tuple(_remarks(name, cpu, gpu)),
    )


def _verdict(
    name: str, key: str, cores: int, cpu: Cpu, gpu: GpuLook | None, run: TimedRun | None
) -> tuple[Any, Message]:
    if run is not None:
        return "shared", say("sharing.shared_run", notebook=run.notebook, pid=run.pid, device=name)
    if key == "cpu":
        if cpu.others_cores is None:
            return "unknown", say("sharing.unknown", device=name)
        used = {"cores": number(cpu.others_cores, 2), "all": cores}
        if cpu.others_cores > SHARED_CORES:
            return "shared", say("sharing.shared_cores", **used, limit=DISTURBED_CORES)
        return "alone", say("sharing.alone", **used, device=name)
    if gpu is not None and gpu.others_share is not None and gpu.others_share > DISTURBED_GPU:
        limit = share(DISTURBED_GPU)
        return "shared", say("sharing.shared_gpu", share=share(gpu.others_share), device=name, limit=limit)
    idle = gpu is not None and (gpu.others_share is not None or gpu.holders == () or gpu.sample.kernel_time_share == 0)
    return (
        ("alone", say("sharing.alone_gpu", device=name)) if idle else ("unknown", say("sharing.unknown", device=name))
    )


def _remarks(name: str, cpu: Cpu, gpu: GpuLook | None) -> list[Message]:
    found = []
    hidden = (cpu.others_cores or 0.0) - sum(each.cores or 0.0 for each in cpu.neighbours)
    if hidden > SHARED_CORES:
        found.append(say("sharing.hidden_cores", cores=number(hidden, 2)))
    if gpu is not None and gpu.holders is None and gpu.sample.memory_used_bytes is not None:
        found.append(say("sharing.hidden_gpu", device=name, used=size(gpu.sample.memory_used_bytes)))
    problem = turn.problem()
    if problem is not None:
        found.append(say("sharing.no_lock", why=str(problem)))
    return found
