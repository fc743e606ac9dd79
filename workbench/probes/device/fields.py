"""Counters that NVML keeps by number ("field values"): time that clocks were held back, and bytes over PCIe.

Source: nvml.h. NVML_FI_DEV_PERF_POLICY_POWER, _THERMAL and _SYNC_BOOST, and nvmlDeviceGetViolationStatus on older
drivers, count nanoseconds since the driver was loaded; NVML_FI_DEV_PCIE_COUNT_TX_BYTES and _RX_BYTES count bytes and
may wrap. NVIDIA gave the newer counters for single reasons (hardware slowdown, power brake) other numbers in a later
release (CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN is 252 in the header of CUDA 12.8 and 270 in pynvml 13.615), so that an
older driver would answer another question: they are not asked, and `throttle` alone tells those reasons.
"""

from typing import Any, NamedTuple

from workbench.machine.nvml import Nvml
from workbench.probes.device.activity import FIRST_LOOK
from workbench.probes.device.asking import Asking

WRAPS = "counter_wraps"
# What nvml.h calls a policy, and the reason that it holds clocks back for: power by definition (the header gives
# CLOCKS_EVENT_REASON_SW_POWER_CAP the number of PERF_POLICY_POWER, and the same for SYNC_BOOST), thermal by its meaning
_POLICIES = {
    "sw_power_cap": ("NVML_FI_DEV_PERF_POLICY_POWER", "NVML_PERF_POLICY_POWER"),
    "sw_thermal_slowdown": ("NVML_FI_DEV_PERF_POLICY_THERMAL", "NVML_PERF_POLICY_THERMAL"),
    "sync_boost": ("NVML_FI_DEV_PERF_POLICY_SYNC_BOOST", "NVML_PERF_POLICY_SYNC_BOOST"),
}
TRAFFIC = {
    "pcie_rx_bytes_per_s": "NVML_FI_DEV_PCIE_COUNT_RX_BYTES",
    "pcie_tx_bytes_per_s": "NVML_FI_DEV_PCIE_COUNT_TX_BYTES",
}
_UNSIGNED_INT = 1  # nvmlValueType_t
# bytes/s of one lane by generation, one direction, after line coding; PCI Express Base Specification
_LANE_BYTES_PER_S = {1: 0.25e9, 2: 0.5e9, 3: 0.985e9, 4: 1.97e9, 5: 3.94e9, 6: 7.57e9}


class Count(NamedTuple):
    """A counter's value, and where it starts anew."""

    value: int
    wraps: int


class Counters:
    """The counters of one GPU, read with one call a look."""

    def __init__(self, nvml: Nvml, device: Any) -> None:
        self._device = device
        names = [field for field, _ in _POLICIES.values()] + list(TRAFFIC.values())
        self._ids = {name: number for name in names if (number := nvml.constant(name)) is not None}
        self._policies = {reason: nvml.constant(name) for reason, (_, name) in _POLICIES.items()}
        self._traffic: tuple[float, dict[str, Count]] | None = None  # when, and what each field counted then

    def forget(self) -> None:
        """The next rate starts anew: the GPU was away."""
        self._traffic = None

    def read(self, asking: Asking) -> dict[str, Count]:
        """What is counted by NVML's names of the fields; empty where this driver has none."""
        if not self._ids:
            return {}
        found = asking.answer(("nvmlDeviceGetFieldValues", self._device, tuple(self._ids.values())))
        if found.missing is not None:
            return {}
        told = zip(self._ids, found.value, strict=True)
        return {name: _count(one) for name, one in told if one.nvmlReturn == 0}

    def held_back(self, asking: Asking, told: dict[str, Count]) -> dict[str, float] | None:
        """Reason -> seconds since the driver was loaded; None where it counts none."""
        found: dict[str, float] = {}
        why: str | None = None
        for reason, (field, _) in _POLICIES.items():
            if field in told:
                found[reason] = told[field].value / 1e9
                continue
            answer = asking.answer(("nvmlDeviceGetViolationStatus", self._device, self._policies[reason]))
            if answer.missing is None:
                found[reason] = answer.value.violationTime / 1e9
            why = why or answer.missing
        if not found and why is not None:
            asking.missing["held_back_s"] = why
        return found or None

    def rates(
        self, time_s: float, told: dict[str, Count], link: tuple[int | None, int | None]
    ) -> tuple[dict[str, float], dict[str, str]] | None:
        """(bytes/s by field since the look before, reasons by field); None where this GPU does not count them.

        link  PCIe generation and width: what a counter of 32 bits could miss between two looks
        """
        now = {field: told[name] for field, name in TRAFFIC.items() if name in told}
        if len(now) < len(TRAFFIC):
            return None
        before, self._traffic = self._traffic, (time_s, now)
        if before is None or time_s <= before[0]:
            return {}, dict.fromkeys(TRAFFIC, FIRST_LOOK)
        seconds = time_s - before[0]
        most = seconds * _LANE_BYTES_PER_S.get(link[0] or 0, max(_LANE_BYTES_PER_S.values())) * (link[1] or 16)
        rates: dict[str, float] = {}
        missing: dict[str, str] = {}
        for field, count in now.items():
            grown = (count.value - before[1][field].value) % count.wraps
            if most >= count.wraps:
                missing[field] = WRAPS
            elif grown > 2 * most:  # it went back: a driver that was loaded anew
                missing[field] = FIRST_LOOK
            else:
                rates[field] = grown / seconds
        return rates, missing


def _count(field: Any) -> Count:
    # the union was zero before NVML wrote into it, so that its widest member holds a narrower one too
    value: int = field.value.ullVal
    narrow = field.valueType == _UNSIGNED_INT
    return Count(value & 0xFFFFFFFF if narrow else value, 1 << (32 if narrow else 64))


class Throughput:
    """PCIe traffic where the GPU keeps no counters: NVML counts for 20 ms while the caller waits, so it is asked
    rarely, one direction at a time, and its answer stands until the next."""

    _EVERY_S = 1.0

    def __init__(self, nvml: Nvml, device: Any) -> None:
        self._device = device
        self._kinds = {
            "pcie_rx_bytes_per_s": nvml.constant("NVML_PCIE_UTIL_RX_BYTES"),
            "pcie_tx_bytes_per_s": nvml.constant("NVML_PCIE_UTIL_TX_BYTES"),
        }
        self._known: dict[str, float] = {}
        self._missing: dict[str, str] = dict.fromkeys(self._kinds, FIRST_LOOK)
        self._next = 0
        self._asked_s: float | None = None

    def read(self, time_s: float, asking: Asking) -> tuple[dict[str, float], dict[str, str]]:
        if self._asked_s is None or time_s - self._asked_s >= self._EVERY_S:
            self._asked_s = time_s
            field = list(self._kinds)[self._next]
            self._next = 1 - self._next
            answer = asking.answer(("nvmlDeviceGetPcieThroughput", self._device, self._kinds[field]))
            self._known.pop(field, None)
            self._missing.pop(field, None)
            if answer.missing is None:
                self._known[field] = answer.value * 1024.0  # NVML's KB/s
            else:
                self._missing[field] = answer.missing
        return self._known, self._missing
