"""The NVIDIA driver, read before anything is downloaded: without NVML's Python package, which is not installed yet.

Asked in turn: nvidia-smi, the kernel module's file, and the driver library itself, which says which CUDA it runs.
"""

import ctypes
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc/driver/nvidia/version")
DEVICES = Path("/dev")
ANSWERS_WITHIN_S = 20.0
_SMI = ("nvidia-smi", "/usr/lib/wsl/lib/nvidia-smi")  # WSL keeps it outside the path of some shells
_LIBRARIES = {"linux": "libcuda.so.1", "win32": "nvcuda.dll"}


@dataclass(frozen=True)
class Gpu:
    name: str
    capability: tuple[int, int] | None = None  # compute capability; None: this driver does not say


@dataclass(frozen=True)
class Driver:
    """version: of the driver, such as 535.183.01. cuda: the newest CUDA that its library runs. None: not found out.

    `gpu`: whether a program here can reach one; a container may see the host's driver without any.
    """

    version: str | None = None
    cuda: tuple[int, int] | None = None
    gpus: tuple[Gpu, ...] = ()
    gpu: bool = False

    @property
    def names(self) -> str:
        return ", ".join(dict.fromkeys(gpu.name for gpu in self.gpus))


def read() -> Driver:
    """What this machine says of its driver; an empty Driver where there is none."""
    version, gpus = _ask_smi()
    if version is None and PROC.exists():
        version = parse_proc(PROC.read_text(encoding="utf-8", errors="replace"))
    cuda = _ask_library(_LIBRARIES.get(sys.platform))
    return Driver(version, cuda, gpus, gpu=bool(gpus) or reachable(DEVICES, cuda))


def reachable(devices: Path, cuda: tuple[int, int] | None) -> bool:
    """Whether there is a device to talk to, when nvidia-smi has listed none."""
    if sys.platform == "win32":
        return cuda is not None
    return bool(list(devices.glob("nvidia[0-9]*"))) or ((devices / "dxg").exists() and cuda is not None)


def parse_smi(said: str) -> tuple[str | None, tuple[Gpu, ...]]:
    """(driver version, GPUs) from lines of `driver_version, name[, compute_cap]`."""
    version, gpus = None, []
    for line in said.splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) < 2 or not re.fullmatch(r"\d+(\.\d+)+", cells[0]):
            continue
        version = cells[0]
        found = re.fullmatch(r"(\d+)\.(\d+)", cells[2]) if len(cells) > 2 else None
        gpus.append(Gpu(cells[1], (int(found[1]), int(found[2])) if found else None))
    return version, tuple(gpus)


def parse_proc(said: str) -> str | None:
    """The version in the kernel module's own words, of the closed and of the open module."""
    found = re.search(r"Kernel Module\b.*?\s(\d{3,}\.\d+(?:\.\d+)?)\s", said)
    return found[1] if found else None


def parse_cuda(number: int) -> tuple[int, int] | None:
    """cuDriverGetVersion's number, 1000 × major + 10 × minor; 0 is none."""
    return (number // 1000, number % 1000 // 10) if number > 0 else None


def _ask_smi() -> tuple[str | None, tuple[Gpu, ...]]:
    smi = next((found for found in map(shutil.which, _SMI) if found), None)
    if smi is None:
        return None, ()
    for fields in ("driver_version,name,compute_cap", "driver_version,name"):  # drivers before R510 lack the last
        said = _output([smi, f"--query-gpu={fields}", "--format=csv,noheader"])
        version, gpus = parse_smi(said)
        if version is not None:
            return version, gpus
    return None, ()


def _output(command: Sequence[str]) -> str:
    """What it prints; nothing when it fails or hangs, as nvidia-smi does beside a half-updated driver."""
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=ANSWERS_WITHIN_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ran.stdout if ran.returncode == 0 else ""


def _ask_library(name: str | None) -> tuple[int, int] | None:
    if name is None:
        return None
    try:
        library = ctypes.CDLL(name)
        number = ctypes.c_int(0)
        status = library.cuDriverGetVersion(ctypes.byref(number))  # needs no cuInit, touches no device
    except (OSError, AttributeError):
        return None
    return parse_cuda(number.value) if status == 0 else None
