"""The builds of the locked torch: what each needs of a driver and a GPU, and how large each is. Data with its sources.

Builds and GPUs: pytorch/pytorch RELEASE.md, release compatibility and CUDA support matrices of 2.13 (12.6.3, 13.0.2,
13.2.1); that PyPI's Linux wheels bring CUDA 13.0 is their own metadata (cuda-toolkit==13.0.3). Drivers: NVIDIA, CUDA
Toolkit release notes, table "minimum required driver version for CUDA minor version compatibility" (12.x: Linux
525.60.13, Windows 528.33; 13.x: 580). Sizes: the wheels of torch 2.13.0 for Python 3.11 (3.12 on Windows and macOS)
with the CUDA packages they require, as PyPI and PyTorch's index served them in November 2026; on disk: their files
unpacked.
"""

import platform
import sys
from dataclasses import dataclass

TORCH = "2.13.0"
INDEX = "https://download.pytorch.org/whl/"


@dataclass(frozen=True)
class Size:
    """Bytes that come over the line, and bytes on disk."""

    download: int
    disk: int

    def __add__(self, other: "Size") -> "Size":
        return Size(self.download + other.download, self.disk + other.disk)


@dataclass(frozen=True)
class Build:
    """One build of torch. `label`: its local version and its name in PyTorch's index. cuda: None for the CPU build.

    drivers: the lowest on Linux and on Windows. lowest: compute capability; highest: its greatest major number.
    """

    label: str
    cuda: tuple[int, int] | None = None
    drivers: tuple[str, str] = ("", "")
    lowest: tuple[int, int] = (0, 0)
    highest: int | None = None

    @property
    def url(self) -> str:
        return INDEX + self.label

    @property
    def words(self) -> str:
        return f"CUDA {self.cuda[0]}.{self.cuda[1]}" if self.cuda else "CPU"


# In the order in which they are offered; the last CUDA 13 build is experimental, so only known when met.
BUILDS = {
    build.label: build
    for build in (
        Build("cu130", (13, 0), ("580", "580"), lowest=(7, 5)),
        Build("cu126", (12, 6), ("525.60.13", "528.33"), lowest=(5, 0), highest=9),
        Build("cpu"),
        Build("cu132", (13, 2), ("580", "580"), lowest=(7, 5)),
    )
}
OFFERED = ("cu130", "cu126")


@dataclass(frozen=True)
class System:
    """platform: as sys.platform; machine: as platform.machine() in lower case; wsl: Linux over a Windows driver."""

    platform: str
    machine: str
    wsl: bool = False

    @property
    def windows_driver(self) -> bool:
        return self.platform == "win32" or self.wsl


def this_system() -> System:
    wsl = sys.platform == "linux" and "microsoft" in platform.release().lower()
    return System(sys.platform, platform.machine().lower(), wsl)


def of_pypi(system: System) -> Build:
    """The build that PyPI's own wheel is: CUDA on Linux, CPU on Windows and macOS."""
    return BUILDS["cu130"] if system.platform == "linux" else BUILDS["cpu"]


_SIZES = {
    ("linux", "x86_64", "cu130"): Size(2_730_285_100, 4_722_802_416),
    ("linux", "x86_64", "cpu"): Size(191_794_682, 699_298_109),
    ("win32", "amd64", "cpu"): Size(122_057_313, 466_406_672),
    ("darwin", "arm64", "cpu"): Size(111_213_045, 470_956_432),
}


def torch_size(build: Build, system: System) -> Size | None:
    """torch with what it brings; None where nobody has weighed it."""
    return _SIZES.get((system.platform, system.machine, build.label))


# The other packages of constraints.txt that the workbench installs, and the demo model's; Linux x86_64, Python 3.11.
OTHERS = Size(249_482_172, 1_146_746_652)
DEMO = Size(92_871_040, 98_379_826)
RAY = Size(79_743_807, 241_198_413)
QUANT = Size(1_352_000, 9_070_000)  # HQQ and quanto with what they bring; the source of HQQ is built with setuptools
