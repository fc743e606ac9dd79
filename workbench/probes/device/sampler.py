"""The sampler: a thread that looks at CPU and GPU ten times a second and keeps the last few hundred looks."""

import threading
import time
from collections import deque
from types import TracebackType
from typing import Self

from workbench.machine.nvml import Nvml
from workbench.probes.device.cpu import Counters, Watched, rates, read_counters
from workbench.probes.device.gpu import Gpus
from workbench.results import DeviceSample
from workbench.words import Message

WINDOW = 500
_SMOOTH = 5  # samples: the kernel counts CPU time in 10 ms steps, so one period alone is a coarse rate
_OWN_SHARE = 0.01  # of one core: where a look costs more (many GPUs), looks become rarer


class Sampler:
    """Samples until stopped; a context manager.

    period_s   time between two looks
    pid        the worker's process, told apart from all others; change it with `watch`
    gpu_uuids  only these GPUs; None: all

    `samples` is a rolling window of at most 500. What cannot be read is None in a sample; `gpu_problem` says why there
    is no GPU in them. `cost_share` is what the looks took of one core, opening NVML left out.
    """

    def __init__(self, period_s: float = 0.1, pid: int | None = None, gpu_uuids: tuple[str, ...] | None = None) -> None:
        self.period_s = period_s
        self.gpu_problem: Message | None = None
        self.cost_share: float | None = None
        self._gpu_uuids = gpu_uuids
        self._watched = Watched(pid)
        self._window: deque[tuple[Counters, DeviceSample]] = deque(maxlen=WINDOW)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Starts the thread; nothing happens when it runs already."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="workbench-sampler", daemon=True)
            self._thread.start()
        return self

    def stop(self) -> None:
        """Ends the thread within a look; the samples stay."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5.0)
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

    def _run(self) -> None:
        with Nvml() as nvml:
            self.gpu_problem = nvml.problem
            gpus = Gpus(nvml, self._gpu_uuids)
            began, cpu_began = time.monotonic(), time.thread_time()
            while True:
                cpu_before = time.thread_time()
                self._look(gpus)
                took_s = time.thread_time() - cpu_before
                if self._stop.wait(max(self.period_s, took_s / _OWN_SHARE)):
                    break
                self.cost_share = (time.thread_time() - cpu_began) / (time.monotonic() - began)

    def _look(self, gpus: Gpus) -> None:
        counters = read_counters(self._watched)
        looks = self._window
        earlier = looks[-min(_SMOOTH, len(looks))][0] if looks else None
        rate = rates(earlier, counters) if earlier is not None else None
        self._window.append(
            (
                counters,
                DeviceSample(
                    time_s=counters.time_s,
                    cpu_busy_share=rate.busy_share if rate else None,
                    process_cores=rate.process_cores if rate else None,
                    process_rss_bytes=counters.process_rss_bytes,
                    others_cores=rate.others_cores if rate else None,
                    available_bytes=counters.available_bytes,
                    gpus=gpus.read(counters.pid),
                ),
            )
        )
