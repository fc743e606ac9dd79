"""One reading of each GPU through NVML; what a GPU or driver does not say is None, with the reason beside it."""

import math
import time
from typing import Any

from workbench.machine.gpus import bare, mig_handles
from workbench.machine.nvml import LOST, Nvml
from workbench.machine.surroundings import surroundings
from workbench.probes.device.activity import SHARES, Activity
from workbench.probes.device.asking import Asking, Lost
from workbench.probes.device.fields import TRAFFIC, Count, Counters, Throughput
from workbench.probes.device.processes import Names, judged, listed, processes
from workbench.results import GpuProcess, GpuSample

# names in pynvml (nvml.h, nvmlClocksEventReasons) of what can hold clocks down; idling and chosen clocks left out
_REASONS = {
    "sw_power_cap": "nvmlClocksEventReasonSwPowerCap",
    "hw_slowdown": "nvmlClocksEventReasonHwSlowdown",
    "sync_boost": "nvmlClocksEventReasonSyncBoost",
    "sw_thermal_slowdown": "nvmlClocksEventReasonSwThermalSlowdown",
    "hw_thermal_slowdown": "nvmlClocksEventReasonHwThermalSlowdown",
    "hw_power_brake": "nvmlClocksEventReasonHwPowerBrakeSlowdown",
}
_LISTS = tuple(f"nvmlDeviceGet{kind}RunningProcesses" for kind in ("Compute", "Graphics", "MPSCompute"))
_SELDOM_S = 1.0  # limits, the link, and processes that draw: they change rarely
_REOPEN_S = 5.0  # a GPU that was lost answers only to a handle that NVML gives anew
_TELLING = frozenset(GpuSample.model_fields) - {"index", "uuid", "state", "missing"}


class Gpus:
    """The machine's GPUs while NVML is open.

    uuids     only these, in this order: GPUs or MIG instances, with or without NVML's GPU- and MIG- before them; None:
              all GPUs, as NVML numbers them
    may_wait  also asks what makes the caller wait for 20 ms in each second (PCIe traffic of GPUs without counters)

    Of a MIG instance, memory, processes and GPM's shares are its own; clocks, power, energy, temperature, throttling
    and PCIe are those of the GPU it is a part of. NVML has no `kernel_time_share` for an instance.
    """

    def __init__(self, nvml: Nvml, uuids: tuple[str, ...] | None = None, may_wait: bool = False) -> None:
        self._nvml = nvml
        self._uuids = uuids
        self._may_wait = may_wait
        self._reopened_s = -math.inf
        self._gpus = self._find()

    def __len__(self) -> int:
        return len(self._gpus)

    def read(self, pid: int | None) -> tuple[GpuSample, ...]:
        """One look at each. `pid`: the process whose memory is told apart."""
        now = time.monotonic()
        samples = tuple(gpu.read(now, pid) for gpu in self._gpus)
        if any(sample.state == LOST for sample in samples) and now - self._reopened_s >= _REOPEN_S:
            self._reopened_s = now
            self._reopen()
        return samples

    def close(self) -> None:
        for gpu in self._gpus:
            gpu.close()

    def _find(self) -> list["_Gpu"]:
        found = [_Gpu(self._nvml, device.index, device.handle, None, self._may_wait) for device in self._nvml.devices]
        if self._uuids is None:
            return found
        by_uuid = {bare(gpu.uuid): gpu for gpu in found if gpu.uuid}
        wanted = [bare(uuid) for uuid in self._uuids]
        if not all(uuid in by_uuid for uuid in wanted):
            parts = [
                _Gpu(self._nvml, device.index, device.handle, part, self._may_wait)
                for device in self._nvml.devices
                if device.handle is not None
                for part in mig_handles(self._nvml, device.handle)
            ]
            by_uuid |= {bare(part.uuid): part for part in parts if part.uuid}
        return [by_uuid[uuid] for uuid in wanted if uuid in by_uuid]

    def _reopen(self) -> None:
        """Handles anew. What is still gone stays in the list under the name it had."""
        before = self._gpus
        self.close()
        self._nvml.close()
        self._nvml.open()
        found = self._find()
        for place, gone in enumerate(before):
            same = [gpu for gpu in found if (gpu.uuid == gone.uuid if gone.uuid else gpu.index == gone.index)]
            before[place] = same[0].known_as(gone) if same and same[0].uuid else gone.out_of_reach()


class _Gpu:
    """One GPU, or one MIG instance: `part` is its handle and `device` that of the whole GPU."""

    def __init__(self, nvml: Nvml, index: int, device: Any, part: Any, may_wait: bool) -> None:
        self._nvml = nvml
        self.index = index
        self._device = device
        self._own = device if part is None else part
        self.uuid: str | None = None if device is None else nvml.ask("nvmlDeviceGetUUID", self._own)
        self._instance = None if part is None else nvml.ask("nvmlDeviceGetGpuInstanceId", part)
        self._is_part = part is not None
        self._masks = {name: nvml.constant(constant) or 0 for name, constant in _REASONS.items()}
        self._refused: dict[tuple[Any, ...], str] = {}
        self._refused_of_part: dict[tuple[Any, ...], str] = {}
        self._names = Names(nvml.ask)
        self._counters = Counters(nvml, device)
        self._throughput = Throughput(nvml, device) if may_wait else None
        self._activity: Activity | None = None
        self._seldom_s = -math.inf
        self._seldom: dict[str, Any] = {}
        self._seldom_missing: dict[str, str] = {}

    def close(self) -> None:
        if self._activity is not None:
            self._activity.close()
            self._activity = None

    def known_as(self, before: "_Gpu") -> "_Gpu":
        """Under the number it had: NVML counts anew when a GPU before it is gone."""
        self.index = before.index
        return self

    def out_of_reach(self) -> "_Gpu":
        self._device = self._own = None
        return self

    def read(self, time_s: float, pid: int | None) -> GpuSample:
        try:
            if self._device is None:
                raise Lost
            return self._read(time_s, pid)
        except Lost:
            # a rate or a share must not reach back over the gap
            self.close()
            self._counters.forget()
            self._seldom_s = -math.inf
            return GpuSample(index=self.index, uuid=self.uuid, state=LOST, missing=dict.fromkeys(_TELLING, LOST))

    def _read(self, time_s: float, pid: int | None) -> GpuSample:
        constant, device = self._nvml.constant, self._device
        whole = Asking(self._nvml, self._refused)
        own = Asking(self._nvml, self._refused_of_part) if self._is_part else whole
        found: dict[str, Any] = {}
        used = own.ask("kernel_time_share", ("nvmlDeviceGetUtilizationRates", self._own))
        found["kernel_time_share"] = None if used is None else used.gpu / 100
        found |= self._memory(own)
        self._now_and_then(time_s, whole, own)
        found |= self._seldom
        found |= self._owners(own, pid, found)
        sensor = constant("NVML_TEMPERATURE_GPU")
        found["temperature_c"] = whole.ask(
            "temperature_c",
            ("nvmlDeviceGetTemperatureV", device, sensor),
            ("nvmlDeviceGetTemperature", device, sensor),  # drivers before R570 know it only
        )
        found["sm_clock_mhz"] = whole.ask("sm_clock_mhz", ("nvmlDeviceGetClockInfo", device, constant("NVML_CLOCK_SM")))
        milliwatts = whole.ask("power_w", ("nvmlDeviceGetPowerUsage", device))
        found["power_w"] = None if milliwatts is None else milliwatts / 1e3
        millijoules = whole.ask("energy_j", ("nvmlDeviceGetTotalEnergyConsumption", device))
        found["energy_j"] = None if millijoules is None else millijoules / 1e3
        found["throttle"] = self._throttle(whole)
        told = self._counters.read(whole)
        found["held_back_s"] = self._counters.held_back(whole, told)
        shares, no_shares = self._shares(time_s)
        rates, no_rates = self._traffic(time_s, told, whole, (found.get("pcie_generation"), found.get("pcie_width")))
        missing = {**self._seldom_missing, **no_shares, **no_rates, **whole.missing, **own.missing}
        known = {name: value for name, value in {**found, **shares, **rates}.items() if not name.startswith("_")}
        return GpuSample(index=self.index, uuid=self.uuid, missing=missing, **known)

    def _memory(self, own: Asking) -> dict[str, Any]:
        """Without the driver's reserve where it tells it apart (R510 and later)."""
        newer = self._nvml.constant("nvmlMemory_v2")
        told = own.answer(("nvmlDeviceGetMemoryInfo", self._own, newer), ("nvmlDeviceGetMemoryInfo", self._own))
        if told.missing is not None:
            own.missing |= {"memory_used_bytes": told.missing, "memory_total_bytes": told.missing}
            return {"memory_used_bytes": None, "memory_total_bytes": None, "_reserve_known": False}
        return {
            "memory_used_bytes": told.value.used,
            "memory_total_bytes": told.value.total,
            "_reserve_known": hasattr(told.value, "reserved"),
        }

    def _now_and_then(self, time_s: float, whole: Asking, own: Asking) -> None:
        if time_s - self._seldom_s < _SELDOM_S:
            return
        self._seldom_s = time_s
        asking, device = Asking(self._nvml, self._refused), self._device
        milliwatts = asking.ask(
            "power_limit_w",
            ("nvmlDeviceGetEnforcedPowerLimit", device),
            ("nvmlDeviceGetPowerManagementLimit", device),
        )
        sm, memory = self._nvml.constant("NVML_CLOCK_SM"), self._nvml.constant("NVML_CLOCK_MEM")
        self._seldom = {
            "power_limit_w": None if milliwatts is None else milliwatts / 1e3,
            "max_sm_clock_mhz": asking.ask("max_sm_clock_mhz", ("nvmlDeviceGetMaxClockInfo", device, sm)),
            "memory_clock_mhz": asking.ask("memory_clock_mhz", ("nvmlDeviceGetClockInfo", device, memory)),
            "pcie_generation": asking.ask("pcie_generation", ("nvmlDeviceGetCurrPcieLinkGeneration", device)),
            "pcie_width": asking.ask("pcie_width", ("nvmlDeviceGetCurrPcieLinkWidth", device)),
            "_others": [own.answer(*self._ways(name)) for name in _LISTS[1:]],
        }
        self._seldom_missing = asking.missing

    def _ways(self, name: str) -> tuple[tuple[Any, ...], ...]:
        return (f"{name}_v3", self._own), (f"{name}_v2", self._own)  # R510 and later, R450 and later

    def _owners(self, own: Asking, pid: int | None, found: dict[str, Any]) -> dict[str, Any]:
        everyone, why = listed([own.answer(*self._ways(_LISTS[0])), *found["_others"]])
        if everyone is not None:
            why = judged(
                everyone,
                found["memory_used_bytes"],
                found["_reserve_known"],
                found["memory_total_bytes"],
                surroundings(),
            )
        if why is not None or everyone is None:
            own.missing["processes"] = why or "?"
            if pid is not None:
                own.missing["process_bytes"] = why or "?"
            return {"processes": None, "process_bytes": None}
        owners: tuple[GpuProcess, ...] = processes(everyone, self._names)
        return {"processes": owners, "process_bytes": None if pid is None else everyone.get(pid, 0)}

    def _throttle(self, whole: Asking) -> tuple[str, ...] | None:
        bits = whole.ask(
            "throttle",
            ("nvmlDeviceGetCurrentClocksEventReasons", self._device),
            ("nvmlDeviceGetCurrentClocksThrottleReasons", self._device),  # before R535; the bits are the same
        )
        if bits is None:
            return None
        return tuple(name for name, mask in self._masks.items() if bits & mask)

    def _shares(self, time_s: float) -> tuple[dict[str, float], dict[str, str]]:
        if self._is_part and self._instance is None:  # not the whole GPU's in its place
            return {}, dict.fromkeys(SHARES, "not_supported")
        if self._activity is None:
            self._activity = Activity(self._nvml, self._device, self._instance)
        return self._activity.read(time_s)

    def _traffic(
        self, time_s: float, told: dict[str, Count], whole: Asking, link: tuple[int | None, int | None]
    ) -> tuple[dict[str, float], dict[str, str]]:
        counted = self._counters.rates(time_s, told, link)
        if counted is not None:
            return counted
        if self._throughput is None:
            return {}, dict.fromkeys(TRAFFIC, "not_asked")
        return self._throughput.read(time_s, whole)
