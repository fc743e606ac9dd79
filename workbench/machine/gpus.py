"""Which GPUs there are, in the order torch numbers them."""

from dataclasses import dataclass

from workbench.machine.nvml import Nvml
from workbench.results import Gpu, Torch
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
        for index, handle in enumerate(nvml.handles):
            memory = nvml.ask("nvmlDeviceGetMemoryInfo", handle)
            gpus.append(
                Gpu(
                    index=index,
                    name=nvml.ask("nvmlDeviceGetName", handle) or "NVIDIA GPU",
                    memory_bytes=memory.total if memory is not None else 0,
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


def cuda_version(number: int | None) -> tuple[int, int] | None:
    """NVML's 12080 as (12, 8)."""
    return None if number is None else (number // 1000, number % 1000 // 10)


def visible_gpus(driver: Driver, torch: Torch | None) -> tuple[Gpu, ...]:
    """The GPUs as torch numbers them, so that `gpus[1]` is cuda:1.

    torch leaves out what CUDA_VISIBLE_DEVICES hides and sorts by speed, NVML by bus; where torch sees none (a CPU
    build, a driver too old), NVML's list stands, so that the reason can be told. Facts that one does not have are
    taken from the other, by UUID.
    """
    if torch is None or not torch.gpus:
        return driver.gpus
    by_uuid = {_bare(gpu.uuid): gpu for gpu in driver.gpus if gpu.uuid}
    found = []
    for gpu in torch.gpus:
        known = by_uuid.get(_bare(gpu.uuid)) if gpu.uuid else None
        found.append(gpu.model_copy(update={"uuid": known.uuid if known else gpu.uuid, "driver": driver.version}))
    return tuple(found)


def _bare(uuid: str | None) -> str:
    """NVML writes GPU-8f2a…, torch 8f2a…."""
    return (uuid or "").removeprefix("GPU-").lower()
