"""How busy a GPU's parts were between two looks: NVML's GPU performance monitoring (GPM), Hopper and later.

Source: nvml.h, nvmlGpmMetricsGet; NVML_GPM_METRIC_SM_UTIL "percentage of SMs that were busy", ANY_TENSOR_UTIL
"percentage of time the SMs were doing ANY tensor operations", DRAM_BW_UTIL "percentage of DRAM bandwidth used vs
theoretical maximum".
"""

import math
from typing import Any

from workbench.machine.nvml import NOT_SUPPORTED, OLD_DRIVER, SETTLED, Nvml

FIRST_LOOK = "first_look"
SHARES = {
    "sm_active_share": "NVML_GPM_METRIC_SM_UTIL",
    "tensor_active_share": "NVML_GPM_METRIC_ANY_TENSOR_UTIL",
    "dram_active_share": "NVML_GPM_METRIC_DRAM_BW_UTIL",
}
_VERSION = 1  # of the structure: NVML_GPM_METRICS_GET_VERSION
_LEAST_S = 0.09  # between two samples; closer looks repeat the last values


class Activity:
    """Of one GPU, or of the MIG instance `instance` of it. `device` is the whole GPU's handle in both cases."""

    def __init__(self, nvml: Nvml, device: Any, instance: int | None = None) -> None:
        self._nvml = nvml
        self._device = device
        self._instance = instance
        self._why: str | None = self._unsupported()
        self._asked: Any = None
        self._earlier: Any = None
        self._spare: Any = None
        self._taken_s = -math.inf
        self._last: tuple[dict[str, float], dict[str, str]] = ({}, {})

    def read(self, time_s: float) -> tuple[dict[str, float], dict[str, str]]:
        """(shares by field, reasons by field) since the look before."""
        if self._why is None and time_s - self._taken_s >= _LEAST_S:
            self._last = self._look(time_s)
        elif self._why is not None:
            self._last = self._nothing(self._why)
        return self._last

    def close(self) -> None:
        """Gives the samples back, while NVML is open."""
        for sample in (self._earlier, self._spare):
            if sample is not None:
                self._nvml.ask("nvmlGpmSampleFree", sample)
        self._earlier = self._spare = None
        self._taken_s = -math.inf

    def _unsupported(self) -> str | None:
        answer = self._nvml.query("nvmlGpmQueryDeviceSupport", self._device)
        if answer.missing is not None:
            return answer.missing
        if not answer.value.isSupportedDevice:
            return NOT_SUPPORTED
        known = all(self._nvml.constant(name) is not None for name in SHARES.values())
        return None if known else OLD_DRIVER

    def _look(self, time_s: float) -> tuple[dict[str, float], dict[str, str]]:
        if self._spare is None:
            allocated = self._nvml.query("nvmlGpmSampleAlloc")
            if allocated.missing is not None:
                return self._nothing(allocated.missing)
            self._spare = allocated.value
        if self._instance is None:
            taken = self._nvml.query("nvmlGpmSampleGet", self._device, self._spare)
        else:
            taken = self._nvml.query("nvmlGpmMigSampleGet", self._device, self._instance, self._spare)
        if taken.missing is not None:
            if taken.missing in SETTLED:
                self._why = taken.missing
            return self._nothing(taken.missing)
        earlier, later = self._earlier, self._spare
        self._earlier, self._spare, self._taken_s = later, earlier, time_s
        return self._nothing(FIRST_LOOK) if earlier is None else self._between(earlier, later)

    def _between(self, earlier: Any, later: Any) -> tuple[dict[str, float], dict[str, str]]:
        if self._asked is None:
            self._asked = self._nvml.make("c_nvmlGpmMetricsGet_t")
            self._asked.version, self._asked.numMetrics = _VERSION, len(SHARES)
            for place, name in enumerate(SHARES.values()):
                self._asked.metrics[place].metricId = self._nvml.constant(name)
        self._asked.sample1, self._asked.sample2 = earlier, later
        answer = self._nvml.query("nvmlGpmMetricsGet", self._asked)
        if answer.missing is not None:
            return self._nothing(answer.missing)
        shares: dict[str, float] = {}
        missing: dict[str, str] = {}
        for place, field in enumerate(SHARES):
            metric = self._asked.metrics[place]
            if metric.nvmlReturn != 0:
                missing[field] = self._nvml.reason(metric.nvmlReturn)
            elif math.isnan(metric.value):
                missing[field] = NOT_SUPPORTED
            else:
                shares[field] = metric.value / 100
        return shares, missing

    def _nothing(self, why: str) -> tuple[dict[str, float], dict[str, str]]:
        return {}, dict.fromkeys(SHARES, why)
