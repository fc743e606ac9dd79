"""One reading of each GPU through NVML; what a GPU or driver does not say is None."""

from typing import Any

from workbench.machine.nvml import Nvml
from workbench.results import GpuSample

# names in pynvml (nvml.h, nvmlClocksEventReasons) of what can hold clocks down; idling and chosen clocks left out
_REASONS = {
    "sw_power_cap": "nvmlClocksEventReasonSwPowerCap",
    "hw_slowdown": "nvmlClocksEventReasonHwSlowdown",
    "sync_boost": "nvmlClocksEventReasonSyncBoost",
    "sw_thermal_slowdown": "nvmlClocksEventReasonSwThermalSlowdown",
    "hw_thermal_slowdown": "nvmlClocksEventReasonHwThermalSlowdown",
    "hw_power_brake": "nvmlClocksEventReasonHwPowerBrakeSlowdown",
}


class Gpus:
    """The machine's GPUs while NVML is open. `uuids`: only these; None: all."""

    def __init__(self, nvml: Nvml, uuids: tuple[str, ...] | None = None) -> None:
        self._nvml = nvml
        named = [(index, handle, nvml.ask("nvmlDeviceGetUUID", handle)) for index, handle in enumerate(nvml.handles)]
        self._gpus = [one for one in named if uuids is None or one[2] in uuids]

    def read(self, pid: int | None) -> tuple[GpuSample, ...]:
        return tuple(self._one(index, handle, uuid, pid) for index, handle, uuid in self._gpus)

    def _one(self, index: int, handle: Any, uuid: str | None, pid: int | None) -> GpuSample:
        ask, constant = self._nvml.ask, self._nvml.constant
        used = ask("nvmlDeviceGetUtilizationRates", handle)
        memory = ask("nvmlDeviceGetMemoryInfo", handle)
        milliwatts = ask("nvmlDeviceGetPowerUsage", handle)
        millijoules = ask("nvmlDeviceGetTotalEnergyConsumption", handle)
        temperature = ask("nvmlDeviceGetTemperatureV", handle, constant("NVML_TEMPERATURE_GPU"))
        if temperature is None:  # drivers before R570 know the older call only
            temperature = ask("nvmlDeviceGetTemperature", handle, constant("NVML_TEMPERATURE_GPU"))
        return GpuSample(
            index=index,
            uuid=uuid,
            kernel_time_share=None if used is None else used.gpu / 100,
            memory_used_bytes=None if memory is None else memory.used,
            memory_total_bytes=None if memory is None else memory.total,
            process_bytes=self._process_bytes(handle, pid),
            sm_clock_mhz=ask("nvmlDeviceGetClockInfo", handle, constant("NVML_CLOCK_SM")),
            memory_clock_mhz=ask("nvmlDeviceGetClockInfo", handle, constant("NVML_CLOCK_MEM")),
            temperature_c=temperature,
            power_w=None if milliwatts is None else milliwatts / 1e3,
            energy_j=None if millijoules is None else millijoules / 1e3,
            throttle=self._throttle(handle),
        )

    def _process_bytes(self, handle: Any, pid: int | None) -> int | None:
        """Memory that one process holds; None in a container, whose process ids NVML does not know."""
        if pid is None:
            return None
        running = self._nvml.ask("nvmlDeviceGetComputeRunningProcesses_v3", handle) or ()
        held: list[int | None] = [process.usedGpuMemory for process in running if process.pid == pid]
        return held[0] if held else None

    def _throttle(self, handle: Any) -> tuple[str, ...] | None:
        bits = self._nvml.ask("nvmlDeviceGetCurrentClocksEventReasons", handle)
        if bits is None:  # drivers before R535 know the older name only; the bits are the same
            bits = self._nvml.ask("nvmlDeviceGetCurrentClocksThrottleReasons", handle)
        if bits is None:
            return None
        return tuple(name for name, constant in _REASONS.items() if bits & (self._nvml.constant(constant) or 0))
