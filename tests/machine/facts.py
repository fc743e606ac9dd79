"""Facts of machines that are not here, for the tables of tests."""

from dataclasses import replace
from typing import Any

from workbench.machine.facts import Facts
from workbench.machine.gpus import Driver
from workbench.results import Cpu, Gpu, Torch

CPU = Cpu(
    name="AMD EPYC", cores=2, logical_cores=2, features=("avx2",), memory_bytes=32 << 30, available_bytes=30 << 30
)
CPU_TORCH = Torch(
    version="2.13.0+cpu",
    cuda_runtime=None,
    cuda_available=False,
    transformers="5.23.0",
    kernels_window=("0.18.2", "0.19.0"),
    cxx11_abi=True,
)
CUDA_TORCH = CPU_TORCH.model_copy(
    update={"version": "2.13.0+cu128", "cuda_runtime": "12.8", "cuda_available": True, "architectures": ("sm_80",)}
)
PLAIN = Facts(
    system="Linux",
    release="6.12",
    architecture="x86_64",
    python="3.11.7",
    cpu=CPU,
    machine_cpus=2,
    torch=CPU_TORCH,
    versions={"torch": "2.13.0", "transformers": "5.23.0"},
    tools=frozenset({"g++", "ninja", "nvcc", "Python.h"}),
    free_disk_bytes=100 << 30,
)


def gpu(name: str, capability: tuple[int, int] | None, index: int = 0) -> Gpu:
    return Gpu(index=index, name=name, memory_bytes=40 << 30, capability=capability, driver="570.86")


def with_gpu(
    name: str = "NVIDIA A100", capability: tuple[int, int] | None = (8, 0), torch: Torch = CUDA_TORCH, **changes: Any
) -> Facts:
    one = gpu(name, capability)
    driver = changes.pop("driver", Driver(version="570.86", cuda=(12, 8), gpus=(one,)))
    return replace(PLAIN, gpus=(one,), torch=torch, driver=driver, **changes)


def installed(facts: Facts, **versions: str) -> Facts:
    return replace(facts, versions={**facts.versions, **{name.replace("_", "-"): v for name, v in versions.items()}})
