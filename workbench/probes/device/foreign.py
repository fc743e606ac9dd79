"""Work of other processes on a GPU while something runs: what NVML counts by process, the workbench's own left out.

Memory that another process only holds disturbs no timing and does not count. NVML writes a sample for a process about
every second at most, and none for one that ran nothing: runs shorter than that may see nothing of others.
"""

import os
import sys
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import psutil

from workbench.machine.gpus import bare
from workbench.machine.nvml import Nvml

_WORKER = "workbench.hosts.worker"  # as which module a worker's process is started


class Used(NamedTuple):
    """What one process ran in one of NVML's periods. `share` of the multiprocessors' time, 0 to 1."""

    pid: int
    share: float


class Foreign:
    """Other processes' work on one GPU, while NVML is open.

    uuid  as torch or NVML writes it

    It cannot be told where NVML names no processes: in many containers, whose process ids it does not know, on WSL2, on
    a part of a GPU (MIG).
    """

    def __init__(self, nvml: Nvml, uuid: str) -> None:
        self._nvml = nvml
        named = ((nvml.ask("nvmlDeviceGetUUID", handle), handle) for handle in nvml.handles)
        self._handle: Any = next((handle for name, handle in named if name and bare(name) == bare(uuid)), None)
        self._since_us = 0

    def read(self) -> float | None:
        """The share of the GPU's time that it took since the reading before; None: cannot be told, or the first."""
        since_us, self._since_us = self._since_us, int(time.time() * 1e6)  # NVML's clock
        if self._handle is None or not since_us:
            return None
        samples = self._nvml.ask("nvmlDeviceGetProcessUtilization", self._handle, since_us)
        if samples is None:
            return None
        used = [Used(sample.pid, sample.smUtil / 100) for sample in samples if sample.timeStamp > since_us]
        running = self._nvml.ask("nvmlDeviceGetComputeRunningProcesses_v3", self._handle) or ()
        return foreign_share(used, own_processes(), {process.pid for process in running})


def foreign_share(used: Iterable[Used], own: Iterable[int], running: Iterable[int] = ()) -> float | None:
    """Of the GPU's time, by processes that are not `own`: for each the mean over its samples, at most 1 in all.

    running  process ids that NVML sees on the GPU. None where none of our own is among them, nor in the samples: then
             NVML counts processes by other numbers than we do, and ours would look like another's
    """
    mine, by_pid = set(own), dict[int, list[float]]()
    for pid, share in used:
        by_pid.setdefault(pid, []).append(share)
    if not by_pid or not mine & {*by_pid, *running}:
        return None
    return min(sum(sum(shares) / len(shares) for pid, shares in by_pid.items() if pid not in mine), 1.0)


def own_processes() -> set[int]:
    """The program that this process works for, and all that it started: its workers, the process of a snippet."""
    own = {os.getpid()}
    main = getattr(sys.modules.get("__main__"), "__spec__", None)
    is_worker = main is not None and main.name == _WORKER
    try:
        root = psutil.Process(os.getppid() if is_worker and os.getppid() > 1 else os.getpid())
        own |= {root.pid, *(process.pid for process in root.children(recursive=True))}
    except psutil.Error:  # it has just ended
        return own
    return own
