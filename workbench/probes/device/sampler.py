"""The sampler: a thread that looks at CPU and GPU ten times a second and keeps the last few hundred looks."""

import math
import threading
import time
from collections import deque
from types import TracebackType
from typing import Self

from workbench.machine.accelerators import unsupported
from workbench.machine.nvml import Nvml
from workbench.probes.device.cpu import Counters, Files, Watched, rates, read_counters
from workbench.probes.device.gpu import Gpus
from workbench.probes.device.processor import PackageEnergy, mean_mhz
from workbench.probes.device.quota import Quota
from workbench.results import DeviceSample
from workbench.words import Message, say

WINDOW = 500
_SMOOTH = 5  # samples: the kernel counts CPU time in 10 ms steps, so one period alone is a coarse rate
_OWN_SHARE = 0.01  # of one core: where a look costs more (many GPUs), looks become rarer
_SELDOM_S = 1.0  # frequencies: a file for each core
_STOP_S = 1.0  # a call that hangs in the driver is not waited for any longer


class Sampler:
    """Samples until stopped; a context manager.

    period_s   time between two looks; a look that takes longer (a slow driver) delays the next, none is made up for
    pid        the worker's process, told apart from all others; change it with `watch`
    gpu_uuids  only these GPUs or MIG instances, in this order; None: all GPUs. Of an instance, memory, processes and
               GPM's shares are its own, the rest is its GPU's
    length     looks that are kept; 500 are 50 s at ten a second

    `samples` is a rolling window. What cannot be read is None in a sample, and its `missing` says why; `gpu_problem`
    says why there is no GPU in them. `cost_share` is what the looks took of one core and `look_cpu_s` their mean CPU
    time (the thread's own clock), opening NVML left out; None before the first look.
    """

    def __init__(
        self,
        period_s: float = 0.1,
        pid: int | None = None,
        gpu_uuids: tuple[str, ...] | None = None,
        length: int | None = None,
    ) -> None:
        self.period_s = period_s
        self.gpu_problem: Message | None = None
        self.cost_share: float | None = None
        self.look_cpu_s: float | None = None
        self._gpu_uuids = gpu_uuids
        self._watched = Watched(pid)
        self._window: deque[tuple[Counters, DeviceSample]] = deque(maxlen=length or WINDOW)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Starts the thread; nothing happens when it runs already."""
        if self._thread is None:
            # its own event: a thread that hung in the driver when it was stopped must not go on when it comes back
            self._stop = threading.Event()
            self._thread = threading.Thread(target=self._run, args=(self._stop,), name="workbench-sampler", daemon=True)
            self._thread.start()
        return self

    def stop(self) -> None:
        """Ends the thread within a look; the samples stay. One that hangs in the driver ends when its call returns."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=_STOP_S)
            self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        return self._thread is not None

    def watch(self, pid: int | None) -> None:
        """Another process from now on: the worker was replaced."""
        self._watched = Watched(pid)

    @property
    def samples(self) -> tuple[DeviceSample, ...]:
        return tuple(sample for _, sample in self._looks())

    @property
    def latest(self) -> DeviceSample | None:
        looks = self._looks()
        return looks[-1][1] if looks else None

    def between(self, start_s: float, end_s: float) -> tuple[DeviceSample, ...]:
        """The samples of a window of CLOCK_MONOTONIC seconds, such as two marks of the worker."""
        return tuple(sample for _, sample in self._looks() if start_s <= sample.time_s <= end_s)

    def others_cores(self, start_s: float, end_s: float) -> float | None:
        """Mean cores that others used in a window, from the counters at its ends; None when it holds too few looks."""
        inside = [counters for counters, _ in self._looks() if start_s <= counters.time_s <= end_s]
        return rates(inside[0], inside[-1]).others_cores if len(inside) >= 2 else None

    def _looks(self) -> list[tuple[Counters, DeviceSample]]:
        while True:
            try:
                return list(self._window)
            except RuntimeError:  # the thread added one during the copy
                continue

    def _run(self, stop: threading.Event) -> None:
        with Nvml() as nvml:
            gpus = Gpus(nvml, self._gpu_uuids, may_wait=True)
            self.gpu_problem = self._problem(nvml, gpus)
            looking = _Looking(gpus)
            began, cpu_began, looks = time.monotonic(), time.thread_time(), 0
            due = began
            while not stop.is_set():
                cpu_before = time.thread_time()
                sample = looking.look(self._watched, self._window)
                if stop.is_set():  # while a call hung: another run may have begun
                    break
                self._window.append(sample)
                cpu, now = time.thread_time(), time.monotonic()
                looks += 1
                self.look_cpu_s = (cpu - cpu_began) / looks
                due = max(due + self.period_s, now - self.period_s / 2)
                self._pause(stop, max(due - now, self.period_s / 2, (cpu - cpu_before) / _OWN_SHARE))
                self.cost_share = (time.thread_time() - cpu_began) / (time.monotonic() - began)
            looking.close()

    def _pause(self, stop: threading.Event, seconds: float) -> None:
        stop.wait(seconds)

    def _problem(self, nvml: Nvml, gpus: Gpus) -> Message | None:
        if len(gpus):
            return None
        if nvml.problem is not None:
            return unsupported() or nvml.problem
        if self._gpu_uuids:
            return say("device.no_such_gpu", uuids=", ".join(self._gpu_uuids))
        return unsupported() or say("device.no_gpu")


class _Looking:
    """What a look reads, and what one look leaves for the next."""

    def __init__(self, gpus: Gpus) -> None:
        self._gpus = gpus
        self._energy = PackageEnergy()
        self._files = Files()
        self._quota = Quota()
        self._mhz: float | None = None
        self._seldom_s = -math.inf

    def close(self) -> None:
        self._gpus.close()
        self._files.close()
        self._quota.close()

    def look(self, watched: Watched, looks: deque[tuple[Counters, DeviceSample]]) -> tuple[Counters, DeviceSample]:
        counters = read_counters(watched, self._files)
        earlier = looks[-min(_SMOOTH, len(looks))][0] if looks else None
        rate = rates(earlier, counters) if earlier is not None else None
        if counters.time_s - self._seldom_s >= _SELDOM_S:
            self._seldom_s = counters.time_s
            self._mhz = mean_mhz()
        energy_j, no_energy = self._energy.read()
        quota_s = self._quota.read()
        missing = {
            "cpu_mhz": None if self._mhz is not None else "not_supported",
            "cpu_energy_j": no_energy,
            "cpu_held_back_s": None if quota_s is not None else "no_quota",
        }
        return counters, DeviceSample(
            time_s=counters.time_s,
            cpu_busy_share=rate.busy_share if rate else None,
            core_shares=rate.core_shares if rate else None,
            process_cores=rate.process_cores if rate else None,
            process_rss_bytes=counters.process_rss_bytes,
            process_major_faults=counters.process_major_faults,
            others_cores=rate.others_cores if rate else None,
            available_bytes=counters.available_bytes,
            cpu_mhz=self._mhz,
            cpu_energy_j=energy_j,
            cpu_held_back_s=quota_s,
            gpus=self._gpus.read(counters.pid),
            missing={field: why for field, why in missing.items() if why is not None},
        )
