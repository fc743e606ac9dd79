"""What the device was like during a run of the work: `with During(bench.device) as during: …; during.found`."""

import os

import torch

from workbench.probes.device.gate import between, gate
from workbench.results import RunConditions


class During:
    """Looks at the CPU and, on CUDA, at the device's GPU just before and just after; both outside the timed stretch."""

    found = RunConditions()

    def __init__(self, device: torch.device) -> None:
        self._gate = gate(uuid_of(device), os.getpid())

    def __enter__(self) -> "During":
        self._before = self._gate.look()
        return self

    def __exit__(self, *_error: object) -> None:
        self.found = between(self._before, self._gate.look())


def uuid_of(device: torch.device) -> str | None:
    """As NVML writes it; None on a CPU, and where torch does not say it."""
    if device.type != "cuda":
        return None
    uuid = getattr(torch.cuda.get_device_properties(device), "uuid", None)
    return None if uuid is None else str(uuid)
