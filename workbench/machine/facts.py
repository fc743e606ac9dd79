"""Everything the doctor judges by, gathered once: verdicts are pure functions of it, tested by tables of facts."""

import os
import platform
import shutil
import sys
import sysconfig
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from workbench.machine.gpus import Driver
from workbench.machine.limits import Limits
from workbench.machine.visible import Visible
from workbench.results import Cpu, Gpu, Power, Storage, ThreadChoice, Topology, Torch
from workbench.words import Message

_TOOLS = ("g++", "clang++", "cl", "ninja", "nvcc")
PYTHON_H = "Python.h"  # Inductor, Triton and C++ extensions include it; Debian keeps it in python3-dev


@dataclass(frozen=True)
class Facts:
    """The machine as data.

    system           Linux, Windows or Darwin
    release          the system's version in words a person uses; "WSL2" is told apart by `wsl`
    architecture     x86_64, aarch64, arm64, AMD64
    machine_cpus     logical CPUs of the whole machine, of which `cpu` may be a share
    gpus             as torch numbers them
    visible          what CUDA_VISIBLE_DEVICES leaves of the driver's
    tools            compilers found on PATH, and Python.h where this Python's headers are installed
    accelerator      why another maker's accelerator is not sampled, where there is one
    surroundings     what keeps a GPU's processes from view: wsl2 or pid_namespace
    topology         how several GPUs are joined
    wait_policy_set  OMP_WAIT_POLICY as this process's environment has it
    """

    system: str
    release: str
    architecture: str
    python: str
    cpu: Cpu
    wsl: bool = False
    machine_cpus: int = 1
    limits: Limits = field(default_factory=Limits)
    driver: Driver = field(default_factory=Driver)
    gpus: tuple[Gpu, ...] = ()
    visible: Visible = field(default_factory=Visible)
    accelerator: Message | None = None
    surroundings: str | None = None
    topology: Topology | None = None
    torch: Torch | None = None
    torch_problem: str | None = None
    versions: dict[str, str] = field(default_factory=dict)
    tools: frozenset[str] = frozenset()
    threads: ThreadChoice | None = None
    wait_policy_set: str | None = None
    free_disk_bytes: int = 0
    storage: Storage | None = None
    power: Power = field(default_factory=Power)

    @property
    def platform(self) -> str:
        system = {"Darwin": "macOS"}.get(self.system, self.system)
        where = "WSL2" if self.wsl else self.release
        return " ".join(part for part in (system, where, self.architecture) if part)

    @property
    def can_use_gpu(self) -> bool:
        return bool(self.gpus) and self.torch is not None and self.torch.cuda_available


def system_release() -> str:
    if sys.platform == "darwin":
        return platform.mac_ver()[0]
    if sys.platform == "win32":
        return platform.win32_ver()[0]
    return ".".join(platform.release().split(".")[:2])


def is_wsl(release: str) -> bool:
    """Microsoft builds the kernel of the Windows Subsystem for Linux and says so in its release."""
    return "microsoft" in release.lower()


def installed_versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Version of each that is installed, read from its metadata without importing it."""
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def found_tools() -> frozenset[str]:
    tools = {tool for tool in _TOOLS if shutil.which(tool)}
    if (Path(sysconfig.get_path("include")) / PYTHON_H).is_file():
        tools.add(PYTHON_H)
    return frozenset(tools)


def wait_policy_set() -> str | None:
    return os.environ.get("OMP_WAIT_POLICY")
