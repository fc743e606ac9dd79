"""What the monitor exports of the machine, its GPUs and torch's allocator, read from the sampler's last look."""

from collections.abc import Mapping

from workbench import __version__
from workbench.metrics.series import Kind, Series

THROTTLE = ("sw_power_cap", "hw_slowdown", "sync_boost", "sw_thermal_slowdown", "hw_thermal_slowdown", "hw_power_brake")
_REASON = {"reason": THROTTLE}
_PSUTIL, _RAPL, _CGROUP = "psutil", "Linux powercap, intel-rapl energy_uj", "cgroup cpu.stat"
_RECEIVED, _SENT = (f"{way} the GPU since the look before, or over 20 ms" for way in ("Into", "Out of"))
_NVML, _GPM = "NVML (nvml.h)", "NVML GPU performance monitoring (nvmlGpmMetricsGet)"


def _of_machine(key: str, name: str, unit: str, definition: str, source: str, kind: Kind = "gauge") -> Series:
    factor = 1e6 if key.endswith("_mhz") else 1.0
    return Series(key, f"workbench_{name}", kind, unit, "machine", definition, source, key, factor)


def _of_gpu(
    key: str,
    name: str,
    unit: str,
    definition: str,
    source: str,
    kind: Kind = "gauge",
    labels: Mapping[str, tuple[str, ...]] | None = None,
) -> Series:
    factor = 1e6 if key.endswith("_mhz") else 1.0
    called = f"workbench_gpu_{name}"
    return Series(f"gpu_{key}", called, kind, unit, "gpu", definition, source, key, factor, labels or {})


def _of_allocator(
    key: str, name: str, unit: str, definition: str, kind: Kind = "gauge", source: str = "torch.cuda.memory_stats"
) -> Series:
    return Series(
        f"allocator_{key}", f"workbench_allocator_{name}", kind, unit, "allocator", definition, source, reads=key
    )


MACHINE = (
    Series(
        "build",
        "workbench_build",
        "info",
        "",
        "machine",
        "The workbench that answers",
        "workbench.__version__",
        labels={"version": (__version__,)},
    ),
    Series(
        "sample_age",
        "workbench_sample_age_seconds",
        "gauge",
        "seconds",
        "machine",
        "Age of the look that the numbers of machine and GPU are from; they are left out when it is old",
        "CLOCK_MONOTONIC",
    ),
    _of_machine("cpu_busy_share", "cpu_busy_ratio", "ratio", "Share of all logical CPUs that was busy", _PSUTIL),
    _of_machine("process_cores", "model_process_cpu_cores", "cores", "Cores used by the model's process", _PSUTIL),
    _of_machine("others_cores", "other_processes_cpu_cores", "cores", "Cores used by other processes", _PSUTIL),
    _of_machine(
        "process_rss_bytes",
        "model_process_resident_memory_bytes",
        "bytes",
        "Resident memory of the model's process",
        _PSUTIL,
    ),
    _of_machine(
        "process_major_faults",
        "model_process_major_page_faults",
        "",
        "Pages that the model's process waited for from a disk",
        "/proc/PID/stat",
        "counter",
    ),
    _of_machine(
        "available_bytes", "memory_available_bytes", "bytes", "Memory that can be had without swapping", _PSUTIL
    ),
    _of_machine("cpu_mhz", "cpu_frequency_hertz", "hertz", "Mean frequency of the cores", _PSUTIL),
    _of_machine(
        "cpu_energy_j",
        "cpu_energy_joules",
        "joules",
        "Energy of all processor packages since the monitor began",
        _RAPL,
        "counter",
    ),
    _of_machine(
        "cpu_held_back_s",
        "cpu_held_back_seconds",
        "seconds",
        "Time in which a quota kept runnable threads waiting",
        _CGROUP,
        "counter",
    ),
)

GPU = (
    _of_gpu(
        "kernel_time_share",
        "kernel_time_ratio",
        "ratio",
        "Share of NVML's last sample period in which any kernel ran: nvidia-smi's utilisation, and not how full "
        "the GPU was",
        "nvmlUtilization_t.gpu",
    ),
    _of_gpu("sm_active_share", "sm_active_ratio", "ratio", "Share of multiprocessors that had work", _GPM),
    _of_gpu("tensor_active_share", "tensor_active_ratio", "ratio", "Share of cycles of tensor cores in use", _GPM),
    _of_gpu("dram_active_share", "dram_active_ratio", "ratio", "Share of cycles in which memory moved data", _GPM),
    _of_gpu("memory_used_bytes", "memory_used_bytes", "bytes", "Memory in use by all processes together", _NVML),
    _of_gpu("memory_total_bytes", "memory_total_bytes", "bytes", "Memory that the GPU has", _NVML),
    _of_gpu("process_bytes", "model_process_memory_bytes", "bytes", "Memory that the model's process holds", _NVML),
    _of_gpu("power_w", "power_watts", "watts", "Power drawn now", _NVML),
    _of_gpu("power_limit_w", "power_limit_watts", "watts", "Power limit in force", _NVML),
    _of_gpu("energy_j", "energy_joules", "joules", "Energy since the driver was loaded", _NVML, "counter"),
    _of_gpu("temperature_c", "temperature_celsius", "celsius", "Temperature of the GPU", _NVML),
    _of_gpu("sm_clock_mhz", "sm_clock_hertz", "hertz", "Clock of the multiprocessors", _NVML),
    _of_gpu("max_sm_clock_mhz", "max_sm_clock_hertz", "hertz", "Highest clock of the multiprocessors", _NVML),
    _of_gpu("memory_clock_mhz", "memory_clock_hertz", "hertz", "Clock of the memory", _NVML),
    _of_gpu(
        "throttle",
        "throttled",
        "",
        "1 where this reason holds the clocks down now",
        "nvmlClocksEventReasons",
        "gauge",
        _REASON,
    ),
    _of_gpu(
        "held_back_s",
        "held_back_seconds",
        "seconds",
        "Time in which this reason held the clocks down, since the driver was loaded",
        _NVML,
        "counter",
        _REASON,
    ),
    _of_gpu(
        "pcie_rx_bytes_per_s",
        "pcie_received_bytes_per_second",
        "",
        _RECEIVED,
        _NVML,
    ),
    _of_gpu(
        "pcie_tx_bytes_per_s",
        "pcie_sent_bytes_per_second",
        "",
        _SENT,
        _NVML,
    ),
    _of_gpu("state", "lost", "", "1 where the GPU fell off the bus or its driver went", _NVML),
)

ALLOCATOR = (
    _of_allocator("reserved", "reserved_bytes", "bytes", "Taken from the driver, as of the end of the last call"),
    _of_allocator("allocated", "allocated_bytes", "bytes", "Of reserved, in use by tensors"),
    _of_allocator("inactive_split", "inactive_split_bytes", "bytes", "Of reserved, free beside something in use"),
    _of_allocator("retries", "retries", "", "Refusals of the driver after which unused memory went back", "counter"),
    _of_allocator("refusals", "refusals", "", "Out-of-memory errors of the allocator", "counter"),
    _of_allocator("split_share", "inactive_split_ratio", "ratio", "Fragmentation as inactive_split ÷ reserved"),
    _of_allocator("unused_share", "unused_ratio", "ratio", "Fragmentation as 1 − allocated ÷ reserved"),
)
