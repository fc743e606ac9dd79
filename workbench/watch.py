"""The device while a job works: samples in this process, which outlives a dead worker, and the marks of its probes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from workbench.bench import Bench
from workbench.hosts.registry import device_key, gpu_uuid
from workbench.probes.device import Sampler, window
from workbench.results import DeviceSample, DeviceWindow
from workbench.words import Message

LOOKS = 12_000  # twenty minutes at ten looks a second


class Watch:
    """What was seen so far. `marks`: name -> the last CLOCK_MONOTONIC seconds at which a probe set it."""

    def __init__(self, sampler: Sampler, own: tuple[int, ...]) -> None:
        self._sampler = sampler
        self._own = own
        self.marks: dict[str, float] = {}

    @property
    def gpu_problem(self) -> Message | None:
        """Why there is no GPU in the samples."""
        return self._sampler.gpu_problem

    @property
    def samples(self) -> tuple[DeviceSample, ...]:
        return self._sampler.samples

    def between(self, start_s: float, end_s: float) -> DeviceWindow:
        """The summary of any window (CLOCK_MONOTONIC seconds)."""
        return window(self.samples, start_s, end_s, self._own)

    def marked(self, start: str = "begin", end: str = "end") -> DeviceWindow | None:
        """The summary between two marks; None where the work did not set both."""
        if start not in self.marks or end not in self.marks:
            return None
        return self.between(self.marks[start], self.marks[end])


@contextmanager
def watch(bench: Bench, period_s: float = 0.1) -> Iterator[Watch]:
    """Within it the device that the bench's model is on is sampled, and the marks of its probes are kept."""
    pid = bench.host.pid or os.getpid()  # inline, the model is in this process
    uuid = gpu_uuid(device_key(bench.config.device, bench.machine))
    with Sampler(period_s, pid, (uuid,) if uuid else None, length=LOOKS) as sampler:
        seen = Watch(sampler, (os.getpid(), pid))
        keep = seen.marks.__setitem__
        bench.on_mark.append(keep)
        try:
            yield seen
        finally:
            bench.on_mark.remove(keep)
