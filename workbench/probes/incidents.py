"""What can hold a step up, seen from inside the process that runs the model: garbage, compiles, pages, memory, quota.

Looked at after each step (a few microseconds) and between requests. Kept within bounds, counted without.
"""

import gc
import os
import sys
import time
from pathlib import Path
from typing import Any, Self

import psutil
import torch
from torch._dynamo.utils import counters

from workbench.probes.device.quota import read_quota
from workbench.results import Incident, LatencyCause

KEPT = 20_000
_PAUSE_S = 0.0005  # collections and waits below this are counted only
_WAIT_S = 0.001
_THREADS = 64  # whose waits are read after each step, a microsecond each
_GROWTH = 1 << 20  # bytes of resident memory, or of CUDA segments, above the most so far

if sys.platform == "win32":

    def _usage() -> tuple[int, int] | None:
        return None
else:
    import resource

    def _usage() -> tuple[int, int] | None:
        """(major faults, involuntary context switches) of this process, all threads."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_majflt, used.ru_nivcsw


class Incidents:
    """A context manager around the run, entered and used in the thread that runs the model.

    `begin()` before each request, `step()` after each of its steps, `end()` after it.
    """

    def __init__(self, device: torch.device) -> None:
        self._apart_s = time.monotonic() - time.perf_counter()  # of the two clocks: 0 on Linux
        self._device = device
        self._waits: list[int] = []
        self._process = psutil.Process()
        self.kept: list[Incident] = []
        self.dropped = 0
        self.totals: dict[str, float] = {"gc_pauses": 0, "gc_s": 0.0, "graphs": 0}
        self._pause_began = 0.0

    def __enter__(self) -> Self:
        self._most_bytes = self._bytes()
        self._waits = _open_waits()
        self._at = time.perf_counter() + self._apart_s
        self._usage, self._waited, self._graphs = _usage(), self._wait(), _graphs()
        self.totals |= {"waited_s": 0.0} if self._waits else {}
        self._quota_s, self._cuda = read_quota(), self._allocations()
        gc.callbacks.append(self._on_gc)
        return self

    def __exit__(self, *_error: object) -> None:
        gc.callbacks.remove(self._on_gc)
        self._close_waits()

    def begin(self) -> None:
        """A request begins: what fell between the one before and it is in a step of neither."""
        self.step(time.perf_counter())
        self._began, self._first = self._at, self._usage

    def step(self, stamp: float) -> None:
        """A step has ended, at that moment (time.perf_counter)."""
        before, self._at = self._at, stamp + self._apart_s
        usage, waited, graphs = _usage(), self._wait(), _graphs()
        if usage and self._usage and usage[0] > self._usage[0]:
            self._keep("page_in", before, self._at, amount=usage[0] - self._usage[0])
        if graphs > self._graphs:
            self._keep("compile", before, self._at, amount=graphs - self._graphs)
            self._count("graphs", graphs - self._graphs)
        # threads meet after each operation: the step waits as long as the one that waits longest
        waited_s = max((after - start for start, after in zip(self._waited, waited, strict=False)), default=0) / 1e9
        if self._waits:
            self._count("waited_s", waited_s)
        if waited_s > _WAIT_S:
            self._keep("others", before, self._at, seconds=waited_s)
        self._usage, self._waited, self._graphs = usage, waited, graphs

    def end(self) -> tuple[int | None, int | None]:
        """(major faults, involuntary context switches) of the request; None: not counted on this system."""
        at = time.monotonic()
        quota_s = read_quota()
        if quota_s is not None and self._quota_s is not None:
            self._count("quota_s", quota_s - self._quota_s)
            if quota_s > self._quota_s:
                self._keep("quota", self._began, at, seconds=quota_s - self._quota_s, whole=True)
        self._quota_s = quota_s
        self._memory(at)
        usage = _usage()
        if usage is None or self._first is None:
            return None, None
        faults, switches = usage[0] - self._first[0], usage[1] - self._first[1]
        self._count("major_faults", faults)
        self._count("switches", switches)
        return faults, switches

    def _memory(self, at: float) -> None:
        held = self._bytes()
        if held > self._most_bytes + _GROWTH:
            self._keep("allocator", self._began, at, amount=held - self._most_bytes, whole=True)
            self._count("grown_bytes", held - self._most_bytes)
            self._most_bytes = held
        allocations = self._allocations()
        for name, count in allocations.items():
            grown = count - self._cuda.get(name, 0)
            if grown:
                self._count(name, grown)
                self._keep("allocator", self._began, at, whole=True)
        self._cuda = allocations

    def _bytes(self) -> int:
        return int(self._process.memory_info().rss)

    def _allocations(self) -> dict[str, int]:
        """CUDA: the allocator's own counters (torch.cuda.memory_stats)."""
        if self._device.type != "cuda":
            return {}
        stats = torch.cuda.memory_stats(self._device)
        names = {"alloc_retries": "num_alloc_retries", "ooms": "num_ooms", "segments": "segment.all.allocated"}
        return {name: int(stats.get(key, 0)) for name, key in names.items()}

    def _wait(self) -> list[int]:
        """Nanoseconds that each thread was ready and had no processor, so far (Linux, scheduler/sched-stats.rst)."""
        try:
            return [int(os.pread(file, 100, 0).split()[1]) for file in self._waits]
        except ProcessLookupError:  # one of them has ended
            self._close_waits()
            self._waits = _open_waits()
            return []

    def _close_waits(self) -> None:
        while self._waits:
            os.close(self._waits.pop())

    def _on_gc(self, phase: str, info: dict[str, Any]) -> None:
        if phase == "start":
            self._pause_began = time.monotonic()
            return
        now = time.monotonic()
        self._count("gc_pauses", 1)
        self._count("gc_s", now - self._pause_began)
        if now - self._pause_began > _PAUSE_S:
            seconds = now - self._pause_began
            self._keep("gc", self._pause_began, now, seconds=seconds, amount=info["generation"])

    def _count(self, name: str, amount: float) -> None:
        self.totals[name] = self.totals.get(name, 0) + amount

    def _keep(self, cause: LatencyCause, start_s: float, end_s: float, **what: Any) -> None:
        if len(self.kept) < KEPT:
            self.kept.append(Incident(cause=cause, start_s=start_s, end_s=end_s, **what))
        else:
            self.dropped += 1


def _open_waits() -> list[int]:
    """One file for each thread of this process; none on another system, or a kernel that does not count."""
    opened: list[int] = []
    tasks = sorted(Path("/proc/self/task").glob("*/schedstat"), key=lambda file: int(file.parent.name))
    for file in tasks[:_THREADS]:
        try:
            opened.append(os.open(file, os.O_RDONLY))
        except OSError:  # the thread has ended
            continue
    return opened


def _graphs() -> int:
    """Graphs that torch has compiled in this process."""
    return int(counters["stats"]["unique_graphs"])
