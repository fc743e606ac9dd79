"""A window of the sampler's looks as one summary: means, extremes, energy between the ends, and who else was there."""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from statistics import fmean
from typing import TypeVar

from workbench.results import DeviceSample, DeviceWindow, GpuSample, GpuWindow

N = TypeVar("N", int, float)
Point = tuple[float, float]  # (CLOCK_MONOTONIC seconds, value)


def window(samples: Sequence[DeviceSample], start_s: float, end_s: float, own: Iterable[int] = ()) -> DeviceWindow:
    """What happened from `start_s` to `end_s` (CLOCK_MONOTONIC).

    samples  oldest first; those just outside are used to interpolate counters at the window's ends
    own      process ids that are the workbench's: any other process on a GPU is foreign
    """
    inside = [sample for sample in samples if start_s <= sample.time_s <= end_s]

    def grown(value: Callable[[DeviceSample], float | None]) -> float | None:
        return growth([(sample.time_s, at) for sample in samples if (at := value(sample)) is not None], start_s, end_s)

    # a GPU's looks may all lie outside a short window; its counters can still be read between them
    gpus = dict.fromkeys((gpu.index, gpu.uuid) for sample in samples for gpu in sample.gpus)
    return DeviceWindow(
        seconds=end_s - start_s,
        looks=len(inside),
        cpu_busy_share=_mean(sample.cpu_busy_share for sample in inside),
        process_cores=_mean(sample.process_cores for sample in inside),
        others_cores=_mean(sample.others_cores for sample in inside),
        cpu_mean_mhz=_mean(sample.cpu_mhz for sample in inside),
        cpu_energy_j=grown(lambda sample: sample.cpu_energy_j),
        cpu_held_back_s=grown(lambda sample: sample.cpu_held_back_s),
        process_major_faults=_faults(inside),
        gpus=tuple(_gpu(*gpu, samples, inside, start_s, end_s, frozenset(own)) for gpu in gpus),
    )


def _faults(inside: Sequence[DeviceSample]) -> int | None:
    """Between the first look inside and the last: no less happened in the window."""
    told = [sample.process_major_faults for sample in inside if sample.process_major_faults is not None]
    return told[-1] - told[0] if len(told) > 1 else None


def growth(points: Sequence[Point], start_s: float, end_s: float) -> float | None:
    """How much a counter grew between two moments, read between its looks by straight lines.

    None where the looks do not reach over both ends, or the counter went back between them (a driver that was loaded
    anew): what it had counted until then is not known.
    """
    first = max((place for place, (at, _) in enumerate(points) if at <= start_s), default=None)
    last = min((place for place, (at, _) in enumerate(points) if at >= end_s), default=None)
    if first is None or last is None or end_s < start_s:
        return None
    told = [value for _, value in points[first : last + 1]]
    if any(later < earlier for earlier, later in pairwise(told)):
        return None
    return max(_at(points, end_s) - _at(points, start_s), 0.0)  # straight lines round up and down


def _at(points: Sequence[Point], time_s: float) -> float:
    """The value at a moment that the points reach over."""
    earlier_s, earlier = [point for point in points if point[0] <= time_s][-1]
    later_s, later = next(point for point in points if point[0] >= time_s)
    if later_s <= earlier_s:
        return earlier
    return earlier + (later - earlier) * (time_s - earlier_s) / (later_s - earlier_s)


def _gpu(
    index: int,
    uuid: str | None,
    samples: Sequence[DeviceSample],
    inside: Sequence[DeviceSample],
    start_s: float,
    end_s: float,
    own: frozenset[int],
) -> GpuWindow:
    looks = [gpu for sample in inside for gpu in sample.gpus if (gpu.index, gpu.uuid) == (index, uuid)]
    known = [
        (sample.time_s, gpu) for sample in samples for gpu in sample.gpus if (gpu.index, gpu.uuid) == (index, uuid)
    ]
    clocks = _values(gpu.sm_clock_mhz for gpu in looks)
    power_w = _mean(gpu.power_w for gpu in looks)
    energy_j = growth([(at, gpu.energy_j) for at, gpu in known if gpu.energy_j is not None], start_s, end_s)
    by_counter = energy_j is not None
    if energy_j is None and power_w is not None:
        energy_j = power_w * (end_s - start_s)
    return GpuWindow(
        index=index,
        uuid=uuid,
        kernel_time_share=_mean(gpu.kernel_time_share for gpu in looks),
        sm_active_share=_mean(gpu.sm_active_share for gpu in looks),
        tensor_active_share=_mean(gpu.tensor_active_share for gpu in looks),
        dram_active_share=_mean(gpu.dram_active_share for gpu in looks),
        memory_used_max_bytes=max(_values(gpu.memory_used_bytes for gpu in looks), default=None),
        sm_clock_mean_mhz=_mean(clocks),
        sm_clock_min_mhz=min(clocks, default=None),
        max_sm_clock_mhz=max(_values(gpu.max_sm_clock_mhz for gpu in looks), default=None),
        temperature_max_c=max(_values(gpu.temperature_c for gpu in looks), default=None),
        power_mean_w=power_w,
        power_limit_w=_mean(gpu.power_limit_w for gpu in looks),
        energy_j=energy_j,
        energy_method=None if energy_j is None else "counter" if by_counter else "power",
        throttle=_reasons([gpu.throttle for gpu in looks if gpu.throttle is not None]),
        held_back_s=_held_back(known, start_s, end_s),
        foreign=_foreign(looks, own),
        lost=any(gpu.state == "lost" for gpu in looks),
    )


def _reasons(looks: Sequence[tuple[str, ...]]) -> dict[str, float] | None:
    if not looks:
        return None
    names = dict.fromkeys(reason for look in looks for reason in look)
    return {name: sum(name in look for look in looks) / len(looks) for name in names}


def _held_back(known: Sequence[tuple[float, GpuSample]], start_s: float, end_s: float) -> dict[str, float] | None:
    counted = [(at, gpu.held_back_s) for at, gpu in known if gpu.held_back_s is not None]
    names = dict.fromkeys(name for _, counters in counted for name in counters)
    grown = {
        name: growth([(at, counters[name]) for at, counters in counted if name in counters], start_s, end_s)
        for name in names
    }
    return {name: seconds for name, seconds in grown.items() if seconds is not None} or None


def _foreign(looks: Sequence[GpuSample], own: frozenset[int]) -> bool | None:
    """True by any look; False only where every look saw all of them."""
    visible = [gpu.processes for gpu in looks if gpu.processes is not None]
    if any(process.pid not in own for processes in visible for process in processes):
        return True
    return False if visible and len(visible) == len(looks) else None


def _values(values: Iterable[N | None]) -> list[N]:
    return [value for value in values if value is not None]


def _mean(values: Iterable[float | None]) -> float | None:
    known = _values(values)
    return fmean(known) if known else None
