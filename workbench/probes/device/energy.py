"""The running total of joules of the device that a model is on, from the sampler's looks, or why there is none."""

from collections.abc import Sequence
from itertools import pairwise

from workbench.probes.device.window import Point, growth
from workbench.results import DeviceSample, EnergySource, GpuSample, Machine
from workbench.words import Message, say


class Counter:
    """The running total of joules of the device that the model is on, or why there is none."""

    def __init__(
        self, points: Sequence[Point], source: EnergySource | None, covers: str, missing: Message | None = None
    ) -> None:
        self._points = points
        self.source = source
        self.covers = covers
        self.missing = missing

    def between(self, start_s: float, end_s: float) -> float | None:
        """Joules from one moment to another; None where the looks do not reach over both."""
        return growth(self._points, start_s, end_s)

    def steps(self, start_s: float, end_s: float) -> int:
        """How often it was seen to move from one moment to another."""
        inside = [value for at, value in self._points if start_s <= at <= end_s]
        return sum(later != earlier for earlier, later in pairwise(inside))


def counter_of(
    samples: Sequence[DeviceSample], device: str, machine: Machine, gpu_problem: Message | None = None
) -> Counter:
    """Of torch's `device`: NVML's energy counter, else its power summed up, on a GPU; RAPL's packages on a CPU.

    samples      of that device alone, oldest first
    gpu_problem  why there is no GPU in them
    """
    if not device.startswith("cuda"):
        points = [(sample.time_s, at) for sample in samples if (at := sample.cpu_energy_j) is not None]
        missing = None if points else say("energy.no_rapl")
        return Counter(points, "rapl" if points else None, machine.cpu.name, missing)
    looks = [(sample.time_s, sample.gpus[0]) for sample in samples if sample.gpus]
    index = int(device.partition(":")[2] or 0)
    covers = machine.gpus[index].name if index < len(machine.gpus) else device
    if counted := [(at, gpu.energy_j) for at, gpu in looks if gpu.energy_j is not None]:
        return Counter(counted, "nvml_counter", covers)
    if summed := _summed(looks):
        return Counter(summed, "nvml_power", covers)
    reason = looks[-1][1].missing.get("power_w", "?") if looks else str(gpu_problem or "?")
    return Counter((), None, covers, say("energy.no_nvml", reason=reason))


def _summed(looks: Sequence[tuple[float, GpuSample]]) -> list[Point]:
    """Power over time by trapezoids, as a counter."""
    known = [(at, gpu.power_w) for at, gpu in looks if gpu.power_w is not None]
    total, points = 0.0, list[Point]()
    for place, (at, watts) in enumerate(known):
        if place:
            before, earlier = known[place - 1]
            total += (watts + earlier) / 2 * (at - before)
        points.append((at, total))
    return points
