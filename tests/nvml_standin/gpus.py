"""Ready GPUs for scenarios, and a number that grows. The values are plausible, not measured."""

from dataclasses import dataclass
from typing import Any

GIB = 1 << 30


@dataclass(frozen=True)
class Growing:
    """A counter: `start` when the scenario begins, `per_s` more each second."""

    start: float
    per_s: float

    def __str__(self) -> str:
        return f"{self.start}+{self.per_s}/s"


_EVERY = {
    "memory_used": 0, "utilisation": 0, "temperature": 40, "reasons": 0x1, "mig": 0,
    "processes": {}, "graphics_processes": {}, "mps_processes": {},
    "pcie_generation": 4, "pcie_width": 16, "max_pcie_generation": 4, "max_pcie_width": 16,
}  # fmt: skip

# Hopper: everything answers, GPM too
H100: dict[str, Any] = _EVERY | {
    "name": "NVIDIA H100 80GB HBM3", "uuid": "GPU-aa11", "capability": (9, 0), "bus_id": "00000000:1B:00.0",
    "memory_total": 80 * GIB, "memory_reserved": 600 << 20, "sm_mhz": 1980, "max_sm_mhz": 1980, "memory_mhz": 2619,
    "power_mw": 120_000, "power_limit_mw": 700_000, "energy_mj": Growing(5_000_000, 120_000),
    "pcie_generation": 5, "max_pcie_generation": 5, "numa_node": 0, "cpus": {0, 1},
    "field": {74: 0, 75: 0, 76: 0, 197: Growing(0, 1000), 198: Growing(0, 2000)},
    "gpm": 1, "metric": {2: 0.0, 5: 0.0, 10: 0.0},
}  # fmt: skip

# Ampere: no GPM
A100: dict[str, Any] = _EVERY | {
    "name": "NVIDIA A100-SXM4-80GB", "uuid": "GPU-cc33", "capability": (8, 0), "bus_id": "00000000:3D:00.0",
    "memory_total": 80 * GIB, "memory_reserved": 450 << 20, "sm_mhz": 1410, "max_sm_mhz": 1410, "memory_mhz": 1593,
    "power_mw": 60_000, "power_limit_mw": 400_000, "energy_mj": Growing(9_000_000, 60_000), "numa_node": 1,
    "field": {74: 0, 75: 0, 76: 0, 197: Growing(0, 1000), 198: Growing(0, 2000)},
}  # fmt: skip

# Turing: no GPM, no counters by fields
T4: dict[str, Any] = _EVERY | {
    "name": "Tesla T4", "uuid": "GPU-bb22", "capability": (7, 5), "bus_id": "00000000:5E:00.0",
    "memory_total": 15 * GIB, "memory_reserved": 300 << 20, "sm_mhz": 1590, "max_sm_mhz": 1590, "memory_mhz": 5000,
    "power_mw": 27_000, "power_limit_mw": 70_000, "energy_mj": Growing(1_000_000, 27_000),
    "violation_ns": {0: 0, 1: 0, 2: 0}, "pcie_tx_kb_per_s": 10, "pcie_rx_kb_per_s": 20, "pcie_generation": 3,
    "max_pcie_generation": 3,
}  # fmt: skip
