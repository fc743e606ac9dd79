"""CPU and memory counters of the machine, of this process and of one watched process."""

import os
import time
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Counters:
    """Counters at one moment, seconds of CPU since start; rates come from two of them.

    busy_s, total_s  all logical CPUs of the machine together, as the kernel counts them (10 ms steps on Linux)
    own_s            of the process that samples
    process_s        of the watched process; None when there is none or it is gone
    """

    time_s: float
    busy_s: float
    total_s: float
    own_s: float
    pid: int | None
    process_s: float | None
    process_rss_bytes: int | None
    available_bytes: int


@dataclass(frozen=True)
class Rates:
    """Between two moments. None: the watched process was not there at both, or no time passed."""

    busy_share: float | None
    process_cores: float | None
    others_cores: float | None


class Watched:
    """One process by its id, asked for CPU time and resident memory; None for both once it is gone."""

    def __init__(self, pid: int | None) -> None:
        self.pid = pid
        self._process: psutil.Process | None = None
        if pid is not None:
            try:
                self._process = psutil.Process(pid)
            except psutil.Error:  # gone already
                self._process = None

    def read(self) -> tuple[float | None, int | None]:
        """(CPU seconds, resident bytes)"""
        if self._process is None:
            return None, None
        try:
            with self._process.oneshot():
                times = self._process.cpu_times()
                return times.user + times.system, self._process.memory_info().rss
        except psutil.Error:  # gone, a zombie, or not ours to ask
            return None, None


def read_counters(watched: Watched) -> Counters:
    times = psutil.cpu_times()
    # guest time is counted within user time on Linux
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    idle = times.idle + getattr(times, "iowait", 0.0)
    process_s, rss = watched.read()
    return Counters(
        time_s=time.monotonic(),
        busy_s=total - idle,
        total_s=total,
        own_s=time.process_time(),
        pid=watched.pid,
        process_s=process_s,
        process_rss_bytes=rss,
        available_bytes=psutil.virtual_memory().available,
    )


def rates(earlier: Counters, later: Counters, cpus: int | None = None) -> Rates:
    """What happened between two readings. `others_cores` leaves out the watched process and the one that samples."""
    seconds, counted = later.time_s - earlier.time_s, later.total_s - earlier.total_s
    if seconds <= 0 or counted <= 0:
        return Rates(None, None, None)
    share = min(max((later.busy_s - earlier.busy_s) / counted, 0.0), 1.0)
    process: float | None = None
    if earlier.pid == later.pid and earlier.process_s is not None and later.process_s is not None:
        process = max(later.process_s - earlier.process_s, 0.0) / seconds
    own = (later.own_s - earlier.own_s) / seconds if later.pid != os.getpid() else 0.0
    if later.pid is not None and process is None:
        return Rates(share, None, None)
    busy_cores = share * (cpus or os.cpu_count() or 1)
    return Rates(share, process, max(busy_cores - own - (process or 0.0), 0.0))


class Neighbours:
    """`with Neighbours() as neighbours: …; neighbours.cores` — cores that other processes used in between."""

    cores: float | None = None

    def __enter__(self) -> "Neighbours":
        self._before = read_counters(Watched(os.getpid()))
        return self

    def __exit__(self, *_error: object) -> None:
        self.cores = rates(self._before, read_counters(Watched(os.getpid()))).others_cores
