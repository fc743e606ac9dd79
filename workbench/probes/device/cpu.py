"""CPU and memory counters of the machine, of this process and of one watched process."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil

from workbench.probes.device.rereading import Reread

_PROC = Path("/proc")
_LINUX = (_PROC / "stat").is_file()
_TICK_S = 1 / os.sysconf("SC_CLK_TCK") if _LINUX else 0.0
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if _LINUX else 0


@dataclass(frozen=True)
class Counters:
    """Counters at one moment, seconds of CPU since start; rates come from two of them.

    busy_s, total_s  all logical CPUs of the machine together, as the kernel counts them (10 ms steps on Linux)
    own_s            of the process that samples
    process_s        of the watched process; None when there is none or it is gone
    process_major_faults  pages that it waited for, from a disk; None also where the system does not count them
    cores            (busy, total) of each logical CPU
    """

    time_s: float
    busy_s: float
    total_s: float
    own_s: float
    pid: int | None
    process_s: float | None
    process_rss_bytes: int | None
    available_bytes: int
    process_major_faults: int | None = None
    cores: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Rates:
    """Between two moments. None: the watched process was not there at both, or no time passed."""

    busy_share: float | None
    process_cores: float | None
    others_cores: float | None
    core_shares: tuple[float, ...] | None = None


class Usage(NamedTuple):
    """Of one process: CPU seconds, resident bytes, pages waited for. None: it is gone, or not ours to ask."""

    cpu_s: float | None = None
    rss_bytes: int | None = None
    major_faults: int | None = None


class Watched:
    """One process by its id, asked what it used; nothing once it is gone, also when its id is given again."""

    def __init__(self, pid: int | None, proc: Path = _PROC) -> None:
        self.pid = pid
        # kept open, it stays that process's: another one that is given the same id is not taken for it
        self._stat = None if pid is None or not _LINUX else Reread(proc / str(pid) / "stat")
        self._process: psutil.Process | None = None
        if pid is not None and not _LINUX:
            try:
                self._process = psutil.Process(pid)
            except psutil.Error:  # gone already
                self._process = None

    def read(self) -> Usage:
        if self._stat is not None:
            return self._read_stat(self._stat)
        if self._process is None:
            return Usage()
        try:
            with self._process.oneshot():
                times = self._process.cpu_times()
                return Usage(times.user + times.system, self._process.memory_info().rss)
        except psutil.Error:  # gone, a zombie, or not ours to ask
            return Usage()

    def _read_stat(self, file: Reread) -> Usage:
        """Source: proc_pid_stat(5); the name may hold anything, so the fields are counted from its closing bracket."""
        told = file.read()
        if told is None:
            return Usage()
        fields = told.rpartition(b")")[2].split()
        state, faults, user, system, pages = (fields[place] for place in (0, 9, 11, 12, 21))
        if state in (b"Z", b"X"):
            return Usage()
        return Usage((int(user) + int(system)) * _TICK_S, int(pages) * _PAGE_BYTES, int(faults))


class Files:
    """The machine's own counters on Linux, for someone who reads them again and again."""

    def __init__(self, proc: Path = _PROC) -> None:
        self.stat = Reread(proc / "stat")
        self.meminfo = Reread(proc / "meminfo")

    def close(self) -> None:
        self.stat.close()
        self.meminfo.close()


def read_counters(watched: Watched, files: Files | None = None) -> Counters:
    """As of now. `files`: kept open by the caller."""
    kept = files or Files()
    stat = kept.stat.read()
    busy_s, total_s, cores = _times() if stat is None else _linux_times(stat)
    available = _available_bytes(kept.meminfo.read())
    if files is None:
        kept.close()
    process = watched.read()
    return Counters(
        time_s=time.monotonic(),
        busy_s=busy_s,
        total_s=total_s,
        own_s=time.process_time(),
        pid=watched.pid,
        process_s=process.cpu_s,
        process_rss_bytes=process.rss_bytes,
        available_bytes=psutil.virtual_memory().available if available is None else available,
        process_major_faults=process.major_faults,
        cores=cores,
    )


def _available_bytes(meminfo: bytes | None) -> int | None:
    """Source: proc_meminfo(5), MemAvailable, kB."""
    start = -1 if meminfo is None else meminfo.find(b"MemAvailable:")
    return None if meminfo is None or start < 0 else int(meminfo[start:].split(None, 2)[1]) * 1024


def _linux_times(stat: bytes) -> tuple[float, float, tuple[tuple[float, float], ...]]:
    """(busy, total, of each logical CPU), seconds; guest time is counted within user time. Source: proc_stat(5)."""
    whole, *cores = (_busy(line) for line in stat.splitlines() if line.startswith(b"cpu"))
    return *whole, tuple(cores)


def _busy(line: bytes) -> tuple[float, float]:
    ticks = [int(number) for number in line.split()[1:9]]
    total = sum(ticks)
    return (total - ticks[3] - ticks[4]) * _TICK_S, total * _TICK_S  # all but idle and iowait


def _times() -> tuple[float, float, tuple[tuple[float, float], ...]]:
    """The same on other systems."""
    cores = tuple((sum(times) - times.idle, sum(times)) for times in psutil.cpu_times(percpu=True))
    return sum(busy for busy, _ in cores), sum(total for _, total in cores), cores


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
    cores = _core_shares(earlier.cores, later.cores)
    if later.pid is not None and process is None:
        return Rates(share, None, None, cores)
    busy_cores = share * (cpus or os.cpu_count() or 1)
    return Rates(share, process, max(busy_cores - own - (process or 0.0), 0.0), cores)


def _core_shares(
    earlier: tuple[tuple[float, float], ...], later: tuple[tuple[float, float], ...]
) -> tuple[float, ...] | None:
    """None where a CPU came or went, or one counted no time: a sleeping core counts none for a while."""
    if not later or len(earlier) != len(later):
        return None
    spans = [(new[0] - old[0], new[1] - old[1]) for old, new in zip(earlier, later, strict=True)]
    if any(total <= 0 for _, total in spans):
        return None
    return tuple(min(max(busy / total, 0.0), 1.0) for busy, total in spans)


class Neighbours:
    """`with Neighbours() as neighbours: …; neighbours.cores` — cores that other processes used in between."""

    cores: float | None = None

    def __enter__(self) -> "Neighbours":
        self._before = read_counters(Watched(os.getpid()))
        return self

    def __exit__(self, *_error: object) -> None:
        self.cores = rates(self._before, read_counters(Watched(os.getpid()))).others_cores
