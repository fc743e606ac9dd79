"""What the machine does while the model works: samples of CPU and GPU, and what its memory can move."""

from workbench.results.base import Interval, Result

# reasons that say the GPU could not hold its clocks, apart from its power limit, which every busy GPU meets
_HEAT_OR_FAULT = frozenset({"hw_slowdown", "sw_thermal_slowdown", "hw_thermal_slowdown", "hw_power_brake"})


class GpuSample(Result):
    """One GPU at one moment, as NVML reports it. None: this GPU or driver does not say.

    kernel_time_share  share of NVML's last sample period in which any kernel ran; not how full the GPU was
    throttle           why clocks are held down: sw_power_cap, hw_slowdown, sync_boost, sw_thermal_slowdown,
                       hw_thermal_slowdown, hw_power_brake; empty: nothing holds them
    energy_j           counter since the driver was loaded
    """

    index: int
    uuid: str | None = None
    kernel_time_share: float | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    process_bytes: int | None = None
    sm_clock_mhz: int | None = None
    memory_clock_mhz: int | None = None
    temperature_c: int | None = None
    power_w: float | None = None
    energy_j: float | None = None
    throttle: tuple[str, ...] | None = None

    @property
    def throttled(self) -> bool | None:
        """Held back by heat or a fault. A power cap alone does not count: `throttle` names it."""
        return None if self.throttle is None else bool(_HEAT_OR_FAULT & set(self.throttle))


class DeviceSample(Result):
    """The machine at one moment; rates are means over the last few samples. None: cannot be told.

    time_s          CLOCK_MONOTONIC seconds
    cpu_busy_share  of all logical CPUs of the machine, 0 to 1
    process_cores   cores used by the watched process
    others_cores    cores used by neither the watched process nor the sampler's own
    """

    time_s: float
    cpu_busy_share: float | None
    process_cores: float | None
    process_rss_bytes: int | None
    others_cores: float | None
    available_bytes: int
    gpus: tuple[GpuSample, ...] = ()


class Bandwidth(Result):
    """What a device's memory moved. `method`: copy (read + write counted) or read (a reduction).

    bytes_per_s  mean of the samples of the better method
    ci95         of that mean
    samples      bytes/s by method
    """

    device: str
    threads: int | None
    bytes_per_s: float
    ci95: Interval
    method: str
    samples: dict[str, tuple[float, ...]]
    buffer_bytes: int
    seconds: float

    @property
    def key(self) -> str:
        """As `Machine.copy_bandwidth` names it: cpu:1, cuda:0."""
        return self.device if self.threads is None else f"{self.device}:{self.threads}"
