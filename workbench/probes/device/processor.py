"""What the processor's own counters say on Linux: frequency and energy. Each takes its folder, None where it is silent.

Sources: Linux, Documentation/power/powercap/powercap.rst and Documentation/admin-guide/pm/cpufreq.rst.
"""

import re
from pathlib import Path
from statistics import fmean

from workbench.machine.nvml import NO_PERMISSION, NOT_SUPPORTED

_POWERCAP = Path("/sys/class/powercap")
_CPUS = Path("/sys/devices/system/cpu")
_CPUINFO = Path("/proc/cpuinfo")
# package domains alone: intel-rapl:0:0 and its like are parts of one, intel-rapl-mmio:0 is the same one once more
_PACKAGE = re.compile(r"intel-rapl:\d+")
_RESET = "counter_reset"


def mean_mhz(cpus: Path = _CPUS, cpuinfo: Path = _CPUINFO) -> float | None:
    """Mean frequency of the cores now; None where neither kernel nor processor tells it, as on many virtual machines.

    Reads a file for each core: ask it rarely.
    """
    scaled = [_number(file) for file in cpus.glob("cpu[0-9]*/cpufreq/scaling_cur_freq")]  # kHz
    known = [khz / 1e3 for khz in scaled if khz is not None]
    if known:
        return fmean(known)
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # another system
        return None
    told = [float(line.partition(":")[2]) for line in lines if line.startswith("cpu MHz")]
    return fmean(told) if told else None


class PackageEnergy:
    """Joules that all processor packages took since this began to read (RAPL; on AMD under Intel's name too)."""

    def __init__(self, powercap: Path = _POWERCAP) -> None:
        folders = sorted(powercap.glob("intel-rapl:*")) if powercap.is_dir() else []
        self._packages = [folder for folder in folders if _PACKAGE.fullmatch(folder.name) and _is_package(folder)]
        self._before: dict[Path, int] = {}
        self._range = {folder: _number(folder / "max_energy_range_uj") for folder in self._packages}
        self._total_uj = 0

    def read(self) -> tuple[float | None, str | None]:
        """(joules, why there are none): no_permission, not_supported, or counter_reset.

        A counter that went back ran over the end of its range, once: it must be read more often than it can run full,
        which takes minutes at hundreds of watts.
        """
        if not self._packages:
            return None, NOT_SUPPORTED
        for folder in self._packages:
            try:
                now = int((folder / "energy_uj").read_text())
            except PermissionError:  # root's alone since Linux 5.10 (CVE-2020-8694)
                return None, NO_PERMISSION
            except (OSError, ValueError):
                return None, NOT_SUPPORTED
            before, range_uj = self._before.get(folder, now), self._range[folder]
            self._before[folder] = now
            if now < before and range_uj is None:
                self._total_uj = 0  # who reads it over this moment sees it go back, and tells no energy
                return None, _RESET
            self._total_uj += now - before if now >= before else (range_uj or 0) - before + now
        return self._total_uj / 1e6, None


def _is_package(folder: Path) -> bool:
    try:
        return (folder / "name").read_text().startswith("package-")  # psys is the whole platform, packages included
    except OSError:
        return False


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None
