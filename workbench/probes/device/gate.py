"""The throttle gate: what held the device back during one short run, from a look before and one after it.

Counters of the driver and the kernel tell what happened in between; where none are kept, the state at both ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import fmean

from workbench.machine.nvml import Nvml
from workbench.probes.device.cpu import Counters, Watched, rates, read_counters
from workbench.probes.device.foreign import Foreign
from workbench.probes.device.gpu import Gpus
from workbench.probes.device.quota import read_quota
from workbench.results import HEAT_OR_FAULT, GpuSample, RunConditions

# Linux, arch/x86/kernel/cpu/mce/therm_throt.c: how often a core, or its package, was slowed by heat; x86 alone
_HEAT_COUNTS = ("core_throttle_count", "package_throttle_count")
_CPUS = Path("/sys/devices/system/cpu")
_POWER_CAP = "sw_power_cap"


@dataclass(frozen=True)
class Look:
    """One moment. `heat`: how often any core was slowed by heat; `quota_s`: seconds that a cgroup's quota took.

    others_gpu_share  of the GPU's time that other processes' work took since the look before
    """

    counters: Counters
    heat: int | None
    quota_s: float | None
    gpu: GpuSample | None
    others_gpu_share: float | None = None


class Gate:
    """Looks at the CPU, and at one GPU where a UUID is given; NVML stays open for as long as the process lives."""

    def __init__(self, uuid: str | None, pid: int | None = None, cpus: Path = _CPUS) -> None:
        self._pid = pid
        self._cpus = cpus
        self._gpus: Gpus | None = None
        self._foreign: Foreign | None = None
        if uuid is not None:
            nvml = Nvml().__enter__()
            self._gpus = Gpus(nvml, (uuid,)) if nvml.problem is None else None
            self._foreign = Foreign(nvml, uuid)

    def look(self) -> Look:
        seen = self._gpus.read(self._pid) if self._gpus else ()
        return Look(
            counters=read_counters(Watched(self._pid)),
            heat=heat_count(self._cpus),
            quota_s=read_quota(),
            gpu=seen[0] if seen else None,
            others_gpu_share=self._foreign.read() if self._foreign else None,
        )


@cache
def gate(uuid: str | None, pid: int | None = None) -> Gate:
    """The gate of this process for one GPU, or for the CPU alone."""
    return Gate(uuid, pid)


def between(before: Look, after: Look) -> RunConditions:
    """What two looks say of the time between them."""
    counts = {"cpu_heat": (before.heat, after.heat), "cpu_quota": (before.quota_s, after.quota_s)}
    held = [name for name, (first, second) in counts.items() if _grew(first, second)]
    gpus = [look.gpu for look in (before, after) if look.gpu is not None]
    reasons = _reasons(gpus)
    clocks = [gpu.sm_clock_mhz for gpu in gpus if gpu.sm_clock_mhz is not None]
    heat = [gpu.temperature_c for gpu in gpus if gpu.temperature_c is not None]
    return RunConditions(
        others_cores=rates(before.counters, after.counters).others_cores,
        others_gpu_share=after.others_gpu_share,
        held_back=(*sorted(reasons & HEAT_OR_FAULT), *held),
        power_capped=_POWER_CAP in reasons if gpus else None,
        sm_clock_mhz=fmean(clocks) if clocks else None,
        temperature_c=max(heat, default=None),
    )


def together(runs: Sequence[RunConditions]) -> RunConditions:
    """Several runs as one: means of cores and clocks, the highest temperature, whatever held any of them back."""
    cores = [run.others_cores for run in runs if run.others_cores is not None]
    foreign = [run.others_gpu_share for run in runs if run.others_gpu_share is not None]
    clocks = [run.sm_clock_mhz for run in runs if run.sm_clock_mhz is not None]
    capped = [run.power_capped for run in runs if run.power_capped is not None]
    return RunConditions(
        others_cores=fmean(cores) if cores else None,
        others_gpu_share=fmean(foreign) if foreign else None,
        held_back=tuple(dict.fromkeys(reason for run in runs for reason in run.held_back)),
        power_capped=any(capped) if capped else None,
        sm_clock_mhz=fmean(clocks) if clocks else None,
        temperature_c=max((run.temperature_c for run in runs if run.temperature_c is not None), default=None),
    )


def unthrottled(runs: Sequence[RunConditions]) -> list[int]:
    """The runs in which nothing held the device back; all of them where that is less than half: it always is."""
    calm = [at for at, run in enumerate(runs) if not run.held_back]
    return calm if 2 * len(calm) >= len(runs) else list(range(len(runs)))


def _reasons(gpus: list[GpuSample]) -> set[str]:
    """By the counters for reasons that are counted, by the state at both ends for the others."""
    reasons = {name for gpu in gpus for name in gpu.throttle or ()}
    if len(gpus) == 2 and gpus[0].held_back_s is not None and gpus[1].held_back_s is not None:
        counted = gpus[0].held_back_s.keys() & gpus[1].held_back_s.keys()
        grown = {name for name in counted if gpus[1].held_back_s[name] > gpus[0].held_back_s[name]}
        reasons = (reasons - counted) | grown
    return reasons


def _grew(before: float | None, after: float | None) -> bool:
    return before is not None and after is not None and after > before


def heat_count(cpus: Path = _CPUS) -> int | None:
    """Times that heat slowed a core or its package since the machine started; None where the kernel does not say."""
    found = []
    for name in _HEAT_COUNTS:
        for file in cpus.glob(f"cpu[0-9]*/thermal_throttle/{name}"):
            try:
                found.append(int(file.read_text()))
            except (OSError, ValueError):  # offline meanwhile
                continue
    return sum(found) if found else None
