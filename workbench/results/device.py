"""What the machine does while the model works: samples of CPU and GPU, and what its memory can move."""

from typing import Literal

from workbench.results.base import Interval, Result

# reasons that say the GPU could not hold its clocks, apart from its power limit, which every busy GPU meets
HEAT_OR_FAULT = frozenset({"hw_slowdown", "sw_thermal_slowdown", "hw_thermal_slowdown", "hw_power_brake"})


class GpuProcess(Result):
    """A process that holds memory on a GPU, for display only: never part of a stored record.

    bytes  None: the driver does not say (WSL2, a GPU in parts)
    name   of its program; None: another user's, or not visible from this container
    """

    pid: int
    bytes: int | None = None
    name: str | None = None


class GpuSample(Result):
    """One GPU, or one MIG instance, at one moment, as NVML reports it. None: not available; `missing` says why.

    state               "lost": the GPU fell off the bus or its driver went; everything else is None then
    kernel_time_share   share of NVML's last sample period in which any kernel ran; not how full the GPU was
    sm_active_share     share of multiprocessors with work, tensor_active_share of tensor cores' cycles in use,
    dram_active_share   of memory's cycles moving data: GPU performance monitoring (GPM), Hopper and later
    memory_used_bytes   of all processes together
    process_bytes       of the watched process
    processes           who holds memory; empty: nobody; None: hidden from here (a container, WSL2): not "nobody"
    throttle            why clocks are held down now: sw_power_cap, hw_slowdown, sync_boost, sw_thermal_slowdown,
                        hw_thermal_slowdown, hw_power_brake; empty: nothing holds them
    held_back_s         the same reasons -> seconds since the driver was loaded, where it counts them
    energy_j            counter since the driver was loaded
    pcie_*_bytes_per_s  into (rx) and out of (tx) the GPU since the look before; where it keeps no counters, over 20 ms
                        of the last two seconds
    missing             field -> why it is None: not_supported, no_permission, old_driver, lost, first_look (a rate
                        needs two), counter_wraps, not_asked; of processes wsl2, pid_namespace, hidden; or NVML's words
    """

    index: int
    uuid: str | None = None
    state: Literal["ok", "lost"] = "ok"
    kernel_time_share: float | None = None
    sm_active_share: float | None = None
    tensor_active_share: float | None = None
    dram_active_share: float | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    process_bytes: int | None = None
    processes: tuple[GpuProcess, ...] | None = None
    sm_clock_mhz: int | None = None
    max_sm_clock_mhz: int | None = None
    memory_clock_mhz: int | None = None
    temperature_c: int | None = None
    power_w: float | None = None
    power_limit_w: float | None = None
    energy_j: float | None = None
    throttle: tuple[str, ...] | None = None
    held_back_s: dict[str, float] | None = None
    pcie_generation: int | None = None
    pcie_width: int | None = None
    pcie_rx_bytes_per_s: float | None = None
    pcie_tx_bytes_per_s: float | None = None
    missing: dict[str, str] = {}

    @property
    def throttled(self) -> bool | None:
        """Held back by heat or a fault. A power cap alone does not count: `throttle` names it."""
        return None if self.throttle is None else bool(HEAT_OR_FAULT & set(self.throttle))


class DeviceSample(Result):
    """The machine at one moment; rates are means over the last few samples. None: cannot be told.

    time_s                CLOCK_MONOTONIC seconds
    cpu_busy_share        of all logical CPUs of the machine, 0 to 1; core_shares of each
    process_cores         cores used by the watched process; process_rss_bytes its resident memory
    process_major_faults  counter: pages that the watched process waited for, from a disk
    others_cores          cores used by neither the watched process nor the sampler's own
    cpu_mhz               mean frequency of the cores
    cpu_energy_j          counter since sampling began, all packages (RAPL)
    cpu_held_back_s       counter: seconds in which a quota (cgroup) kept runnable threads waiting
    missing               cpu_mhz, cpu_energy_j, cpu_held_back_s -> not_supported, no_permission (RAPL is root's),
                          counter_reset, no_quota
    """

    time_s: float
    cpu_busy_share: float | None
    core_shares: tuple[float, ...] | None = None
    process_cores: float | None
    process_rss_bytes: int | None
    process_major_faults: int | None = None
    others_cores: float | None
    available_bytes: int
    cpu_mhz: float | None = None
    cpu_energy_j: float | None = None
    cpu_held_back_s: float | None = None
    gpus: tuple[GpuSample, ...] = ()
    missing: dict[str, str] = {}


class RunConditions(Result):
    """What the device was like during one short run, from a look before and one after it. None: cannot be told.

    others_cores   cores that other processes used; others_gpu_share: of the GPU's time that their work took
    held_back      what kept it below its speed: heat or a fault of the GPU (`GpuSample.throttle`), cpu_heat, cpu_quota
                   (a cgroup's); empty: nothing that could be seen
    power_capped   whether the GPU was at its power limit, which a busy one often is: that is its speed
    sm_clock_mhz   mean of both looks
    temperature_c  the higher of both
    """

    others_cores: float | None = None
    others_gpu_share: float | None = None
    held_back: tuple[str, ...] = ()
    power_capped: bool | None = None
    sm_clock_mhz: float | None = None
    temperature_c: int | None = None


class GpuWindow(Result):
    """One GPU over a window. Means over the looks inside; None: no look could tell.

    energy_j     between the window's ends; `energy_method`: counter, or power (mean power × seconds)
    throttle     reason -> share of the looks at which it held clocks down
    held_back_s  reason -> seconds of the window, where the driver counts them
    foreign      whether another process held memory on it at any look; None: not every look could tell
    lost         whether it fell off the bus meanwhile
    """

    index: int
    uuid: str | None = None
    kernel_time_share: float | None = None
    sm_active_share: float | None = None
    tensor_active_share: float | None = None
    dram_active_share: float | None = None
    memory_used_max_bytes: int | None = None
    sm_clock_mean_mhz: float | None = None
    sm_clock_min_mhz: int | None = None
    max_sm_clock_mhz: int | None = None
    temperature_max_c: int | None = None
    power_mean_w: float | None = None
    power_limit_w: float | None = None
    energy_j: float | None = None
    energy_method: Literal["counter", "power"] | None = None
    throttle: dict[str, float] | None = None
    held_back_s: dict[str, float] | None = None
    foreign: bool | None = None
    lost: bool = False

    @property
    def throttled(self) -> bool | None:
        """Held back by heat or a fault at any look, or for any counted time."""
        if self.throttle is None and self.held_back_s is None:
            return None
        held = {reason for reason, share in (self.throttle or {}).items() if share > 0}
        held |= {reason for reason, seconds in (self.held_back_s or {}).items() if seconds > 0}
        return bool(HEAT_OR_FAULT & held)


class DeviceWindow(Result):
    """What the device did between two marks of the work, from the looks of the sampler.

    seconds       of the window; `looks` fell into it
    cpu_energy_j  of all packages (RAPL); None where it cannot be read
    others_cores  mean cores that other processes used
    process_major_faults  times that the watched process waited for a page from a disk, between the looks
    """

    seconds: float
    looks: int
    cpu_busy_share: float | None = None
    process_cores: float | None = None
    others_cores: float | None = None
    cpu_mean_mhz: float | None = None
    cpu_energy_j: float | None = None
    cpu_held_back_s: float | None = None
    process_major_faults: int | None = None
    gpus: tuple[GpuWindow, ...] = ()


class Bandwidth(Result):
    """What a device's memory moved. `method`: copy (read + write counted) or read (a reduction).

    bytes_per_s  mean of the samples of the better method
    ci95         of that mean
    samples      bytes/s by method

    Of records before ceilings were kept whole only `bytes_per_s` is known.
    """

    device: str
    threads: int | None
    bytes_per_s: float
    ci95: Interval | None = None
    method: str | None = None
    samples: dict[str, tuple[float, ...]] = {}
    buffer_bytes: int | None = None
    seconds: float | None = None

    @property
    def key(self) -> str:
        return ceiling_key(self.device, self.threads)


def ceiling_key(device: str, threads: int | None) -> str:
    """As `Machine.ceilings` names what computes: cpu:1 (with so many threads), cuda:0."""
    return f"{device}:{threads}" if device == "cpu" and threads is not None else device


def key_parts(key: str) -> tuple[str, int | None]:
    """The device and the threads of such a name."""
    device, _, threads = key.partition(":")
    return (device, int(threads)) if device == "cpu" and threads else (key, None)
