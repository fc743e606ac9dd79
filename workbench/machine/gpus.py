"""Which GPUs there are, in the order torch numbers them."""

from dataclasses import dataclass
from typing import Any

from workbench.machine.nvml import Nvml
from workbench.machine.visible import Visible
from workbench.results import Gpu, Machine, MigInstance, Torch
from workbench.words import Message


@dataclass(frozen=True)
class Driver:
    """What NVML says of the NVIDIA driver and its GPUs. `cuda`: the newest CUDA this driver runs, (major, minor)."""

    version: str | None = None
    cuda: tuple[int, int] | None = None
    gpus: tuple[Gpu, ...] = ()
    problem: Message | None = None


def read_driver() -> Driver:
    """Asks NVML; never raises."""
    with Nvml() as nvml:
        if nvml.problem is not None:
            return Driver(problem=nvml.problem)
        version = nvml.ask("nvmlSystemGetDriverVersion")
        gpus = []
        for device in nvml.devices:
            index, handle = device.index, device.handle
            if handle is None:  # its place is kept: the numbers of those after it do not change
                continue
            memory = nvml.ask("nvmlDeviceGetMemoryInfo", handle)
            mode = nvml.ask("nvmlDeviceGetMigMode", handle)  # [now, after the next reset]
            gpus.append(
                Gpu(
                    index=index,
                    name=nvml.ask("nvmlDeviceGetName", handle) or "NVIDIA GPU",
                    memory_bytes=memory.total if memory is not None else 0,
                    free_bytes=memory.free if memory is not None else None,
                    mig=None if mode is None else bool(mode[0]),
                    instances=_instances(nvml, handle) if mode is not None and mode[0] else (),
                    capability=nvml.ask("nvmlDeviceGetCudaComputeCapability", handle),
                    uuid=nvml.ask("nvmlDeviceGetUUID", handle),
                    driver=version,
                )
            )
        return Driver(
            version=version,
            cuda=cuda_version(nvml.ask("nvmlSystemGetCudaDriverVersion_v2")),
            gpus=tuple(gpus),
        )


def mig_handles(nvml: Nvml, handle: Any) -> list[Any]:
    """NVML's handles of the parts of a divided GPU; a place without one answers nothing."""
    places = range(nvml.ask("nvmlDeviceGetMaxMigDeviceCount", handle) or 0)
    parts = (nvml.ask("nvmlDeviceGetMigDeviceHandleByIndex", handle, place) for place in places)
    return [part for part in parts if part is not None]


def _instances(nvml: Nvml, handle: Any) -> tuple[MigInstance, ...]:
    found = []
    for part in mig_handles(nvml, handle):
        memory = nvml.ask("nvmlDeviceGetMemoryInfo", part)
        found.append(
            MigInstance(
                name=nvml.ask("nvmlDeviceGetName", part) or "MIG",
                memory_bytes=memory.total if memory is not None else 0,
                uuid=nvml.ask("nvmlDeviceGetUUID", part),
            )
        )
    return tuple(found)


def cuda_version(number: int | None) -> tuple[int, int] | None:
    """NVML's 12080 as (12, 8)."""
    return None if number is None else (number // 1000, number % 1000 // 10)


def visible_gpus(driver: Driver, torch: Torch | None, visible: Visible | None = None) -> tuple[Gpu, ...]:
    """The GPUs as torch numbers them, so that `gpus[1]` is cuda:1.

    torch leaves out what CUDA_VISIBLE_DEVICES hides and sorts by speed, NVML by bus; where torch sees none (a CPU
    build, a driver too old), NVML's list stands, so that the reason can be told, less what the variable hides. Facts
    that one does not have are taken from the other, by UUID.
    """
    if torch is None or not torch.gpus:
        return driver.gpus if visible is None or visible.setting is None else visible.gpus
    by_uuid = {bare(gpu.uuid): gpu for gpu in driver.gpus if gpu.uuid}
    by_uuid |= {bare(part.uuid): gpu for gpu in driver.gpus for part in gpu.instances if part.uuid}
    found = []
    for gpu in torch.gpus:
        known = by_uuid.get(bare(gpu.uuid)) if gpu.uuid else None
        facts: dict[str, Any] = {"driver": driver.version}
        if known is not None:
            facts |= {"uuid": known.uuid, "mig": known.mig, "instances": known.instances}
            if not known.mig:  # of a part of it, NVML's number for the whole says nothing
                facts["free_bytes"] = known.free_bytes
        found.append(gpu.model_copy(update=facts))
    return tuple(found)


def sampled_uuids(machine: Machine) -> tuple[str, ...] | None:
    """What NVML is asked for, so that its samples come in the order in which torch numbers the GPUs: their UUIDs, of a
    MIG instance its own. None where one of them is not known by a UUID: then all GPUs, as NVML numbers them.
    """
    seen = machine.torch.gpus if machine.torch is not None and machine.torch.gpus else machine.gpus
    uuids = [gpu.uuid for gpu in seen]
    return tuple(uuid for uuid in uuids if uuid) if uuids and all(uuids) else None


def bare(uuid: str | None) -> str:
    """A UUID without its kind, to compare: NVML writes GPU-8f2a… or MIG-8f2a…, torch 8f2a…."""
    return (uuid or "").removeprefix("GPU-").removeprefix("MIG-").lower()
