"""Who uses this machine now: a short look at the processes of all users, at a GPU, and at timed runs."""

import os
import time
from collections.abc import Collection
from dataclasses import dataclass

import psutil

from workbench.machine.nvml import Nvml
from workbench.probes.device.cpu import Watched, rates, read_counters
from workbench.probes.device.foreign import Foreign, own_processes
from workbench.probes.device.gpu import Gpus
from workbench.results import GpuProcess, GpuSample, Neighbour
from workbench.turn import user_name

LOOK_S = 0.5
_SEEN_CORES = 0.05  # less in so short a look is no number
_SEEN_SHARE = 0.05  # of the machine's memory
_MOST = 5


@dataclass(frozen=True)
class Cpu:
    """In a look: cores that others used, and the processes that use most. `seconds` it took."""

    others_cores: float | None
    neighbours: tuple[Neighbour, ...]
    seconds: float


@dataclass(frozen=True)
class GpuLook:
    """One GPU in a look; others_share as `probes.device.foreign` has it."""

    sample: GpuSample
    others_share: float | None

    @property
    def others_bytes(self) -> int | None:
        """Of memory in use; what the own processes hold is taken off where it is told."""
        used, own = self.sample.memory_used_bytes, own_processes()
        if self.sample.processes is None or used is None:
            return used
        mine = sum(each.bytes or 0 for each in self.sample.processes if each.pid in own)
        return max(used - mine, 0)

    @property
    def holders(self) -> tuple[Neighbour, ...] | None:
        """Others that hold memory there, the largest first; None: hidden from here."""
        if self.sample.processes is None:
            return None
        own = own_processes()
        others = [each for each in self.sample.processes if each.pid not in own]
        return tuple(_holder(each) for each in sorted(others, key=lambda each: -(each.bytes or 0)))


def look_at_cpu(seconds: float = LOOK_S, most: int = _MOST) -> Cpu:
    """Waits so long between two readings. The processes of this notebook are left out; `most` others are named."""
    own = own_processes()
    began, before = time.monotonic(), _times(own)
    others = others_cores(seconds)
    after = _times(own)
    took = time.monotonic() - began
    return Cpu(others, _neighbours(before, after, took)[:most], took)


def others_cores(seconds: float) -> float | None:
    """Cores that processes of others use meanwhile; those that cannot be seen from here are in it."""
    own, watched = own_processes() - {os.getpid()}, Watched(os.getpid())
    before, ours = read_counters(watched), _cpu_seconds(own)
    time.sleep(seconds)
    after, ours_now = read_counters(watched), _cpu_seconds(own)
    others = rates(before, after).others_cores
    if others is None:
        return None
    workers = sum(ours_now[pid] - ours[pid] for pid in ours_now.keys() & ours.keys())
    return max(others - workers / (after.time_s - before.time_s), 0.0)


def look_at_gpu(uuid: str, seconds: float = 0.0) -> GpuLook | None:
    """Of the GPU or MIG instance with this UUID, as torch or NVML writes it; None where NVML does not show it."""
    with Nvml() as nvml:
        foreign = Foreign(nvml, uuid)
        foreign.read()
        time.sleep(seconds)
        gpus = Gpus(nvml, (uuid,))
        samples = gpus.read(None)
        gpus.close()
        return GpuLook(samples[0], foreign.read() if seconds else None) if samples else None


def largest(most: int = 3) -> tuple[Neighbour, ...]:
    """The processes of others that hold most of the machine's memory."""
    found = _times(own_processes())
    held = sorted((each for each, _ in found.values()), key=lambda each: -(each.bytes or 0))
    return tuple(each for each in held if each.bytes)[:most]


def _times(own: Collection[int]) -> dict[tuple[int, float], tuple[Neighbour, float]]:
    """Of all visible processes but `own`: CPU seconds so far. The key holds the start, for ids are given again."""
    found = {}
    uid = os.geteuid() if hasattr(os, "geteuid") else None
    for process in psutil.process_iter(["pid", "name", "cpu_times", "memory_info", "uids", "create_time"]):
        told = process.info
        if told["pid"] in own or told["cpu_times"] is None:
            continue
        owner = told["uids"].real if told.get("uids") else None
        neighbour = Neighbour(
            pid=told["pid"],
            name=told["name"] or None,
            bytes=told["memory_info"].rss if told["memory_info"] else None,
            ours=uid is not None and owner == uid,
        ).of(None if owner is None else user_name(owner))
        key = (told["pid"], told["create_time"] or 0.0)
        found[key] = (neighbour, told["cpu_times"].user + told["cpu_times"].system)
    return found


def _neighbours(
    before: dict[tuple[int, float], tuple[Neighbour, float]],
    after: dict[tuple[int, float], tuple[Neighbour, float]],
    seconds: float,
) -> tuple[Neighbour, ...]:
    """Those that use most cores, and those that hold much memory."""
    least_bytes = _SEEN_SHARE * psutil.virtual_memory().total
    seen = []
    for key, (neighbour, spent) in after.items():
        earlier = before[key][1] if key in before else None
        cores = None if earlier is None else max(spent - earlier, 0.0) / seconds
        if (cores or 0.0) >= _SEEN_CORES or (neighbour.bytes or 0) >= least_bytes:
            seen.append(neighbour.model_copy(update={"cores": cores}))
    return tuple(sorted(seen, key=lambda each: (-(each.cores or 0.0), -(each.bytes or 0))))


def _cpu_seconds(pids: Collection[int]) -> dict[int, float]:
    found = {}
    for pid in pids:
        spent = Watched(pid).read()[0]
        if spent is not None:
            found[pid] = spent
    return found


def _holder(process: GpuProcess) -> Neighbour:
    try:
        owner = psutil.Process(process.pid).uids().real
    except (psutil.Error, AttributeError):  # gone, another's, or a system without such ids
        return Neighbour(pid=process.pid, name=process.name, bytes=process.bytes)
    ours = hasattr(os, "geteuid") and owner == os.geteuid()
    return Neighbour(pid=process.pid, name=process.name, bytes=process.bytes, ours=ours).of(user_name(owner))
