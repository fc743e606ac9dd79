# ruff: noqa: N802  # the names of the C functions
"""NVML's C functions in Python, called through the real pynvml: argument order, types and units are its own.

No GPU is needed; what a real driver answers is for tests/gpu.
"""

from collections.abc import Callable
from typing import Any

import pynvml
import pytest

SUCCESS, NOT_SUPPORTED = pynvml.NVML_SUCCESS, pynvml.NVML_ERROR_NOT_SUPPORTED


class FakeNvml:
    """A machine with these GPUs. A GPU is {"name", "uuid", "total", "used", …}; a missing value is "not supported"."""

    def __init__(self, gpus: list[dict[str, Any]], driver: str = "570.86.15", cuda: int = 12080, start: int = SUCCESS):
        self._gpus = gpus
        self._driver, self._cuda, self._start = driver, cuda, start
        self.opened = 0

    def install(self, patch: pytest.MonkeyPatch) -> "FakeNvml":
        patch.setattr(pynvml, "nvmlLib", self)
        patch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
        return self

    def __getattr__(self, name: str) -> Callable[..., int]:
        try:
            function = type(self).__dict__[f"_{name}"]
        except KeyError:
            raise AttributeError(name) from None  # as a C library without that symbol
        return lambda *arguments: function(self, *arguments)

    def _nvmlInitWithFlags(self, _flags: int) -> int:
        self.opened += self._start == SUCCESS
        return self._start

    def _nvmlShutdown(self) -> int:
        self.opened -= 1
        return SUCCESS

    def _nvmlSystemGetDriverVersion(self, buffer: Any, _length: Any) -> int:
        buffer.value = self._driver.encode()
        return SUCCESS

    def _nvmlSystemGetCudaDriverVersion_v2(self, out: Any) -> int:
        out._obj.value = self._cuda
        return SUCCESS

    def _nvmlDeviceGetCount_v2(self, out: Any) -> int:
        out._obj.value = len(self._gpus)
        return SUCCESS

    def _nvmlDeviceGetHandleByIndex_v2(self, index: Any, out: Any) -> int:
        out._obj.contents = pynvml.struct_c_nvmlDevice_t()
        out._obj.gpu = self._gpus[index.value]
        return SUCCESS

    def _text(self, handle: Any, key: str, buffer: Any) -> int:
        if key not in handle.gpu:
            return NOT_SUPPORTED
        buffer.value = handle.gpu[key].encode()
        return SUCCESS

    def _nvmlDeviceGetName(self, handle: Any, buffer: Any, _length: Any) -> int:
        return self._text(handle, "name", buffer)

    def _nvmlDeviceGetUUID(self, handle: Any, buffer: Any, _length: Any) -> int:
        return self._text(handle, "uuid", buffer)

    def _nvmlDeviceGetMemoryInfo(self, handle: Any, out: Any) -> int:
        if "total" not in handle.gpu:
            return NOT_SUPPORTED
        out._obj.total, out._obj.used = handle.gpu["total"], handle.gpu.get("used", 0)
        out._obj.free = out._obj.total - out._obj.used
        return SUCCESS

    def _nvmlDeviceGetMigMode(self, handle: Any, now: Any, pending: Any) -> int:
        if "mig" not in handle.gpu:
            return NOT_SUPPORTED
        now._obj.value = pending._obj.value = int(handle.gpu["mig"])
        return SUCCESS

    def _nvmlDeviceGetMaxMigDeviceCount(self, handle: Any, out: Any) -> int:
        out._obj.value = len(handle.gpu.get("instances", ()))
        return SUCCESS

    def _nvmlDeviceGetMigDeviceHandleByIndex(self, handle: Any, index: Any, out: Any) -> int:
        part = handle.gpu["instances"][index.value]
        if part is None:
            return pynvml.NVML_ERROR_NOT_FOUND
        out._obj.contents = pynvml.struct_c_nvmlDevice_t()
        out._obj.gpu = part
        return SUCCESS

    def _nvmlDeviceGetCudaComputeCapability(self, handle: Any, major: Any, minor: Any) -> int:
        if "capability" not in handle.gpu:
            return NOT_SUPPORTED
        major._obj.value, minor._obj.value = handle.gpu["capability"]
        return SUCCESS

    def _nvmlDeviceGetUtilizationRates(self, handle: Any, out: Any) -> int:
        if "utilisation" not in handle.gpu:
            return NOT_SUPPORTED
        out._obj.gpu = handle.gpu["utilisation"]
        return SUCCESS

    def _nvmlDeviceGetClockInfo(self, handle: Any, kind: Any, out: Any) -> int:
        key = {pynvml.NVML_CLOCK_SM: "sm_mhz", pynvml.NVML_CLOCK_MEM: "memory_mhz"}[kind.value]
        return self._number(handle, key, out)

    def _nvmlDeviceGetTemperature(self, handle: Any, sensor: Any, out: Any) -> int:
        assert sensor.value == pynvml.NVML_TEMPERATURE_GPU
        return self._number(handle, "temperature", out)

    def _nvmlDeviceGetPowerUsage(self, handle: Any, out: Any) -> int:
        return self._number(handle, "milliwatts", out)

    def _nvmlDeviceGetTotalEnergyConsumption(self, handle: Any, out: Any) -> int:
        return self._number(handle, "millijoules", out)

    def _nvmlDeviceGetCurrentClocksEventReasons(self, handle: Any, out: Any) -> int:
        return self._number(handle, "reasons", out)

    def _nvmlDeviceGetComputeRunningProcesses_v3(self, handle: Any, count: Any, array: Any) -> int:
        running = handle.gpu.get("processes", {})
        if array is None:
            count._obj.value = len(running)
            return pynvml.NVML_ERROR_INSUFFICIENT_SIZE if running else SUCCESS
        for place, (pid, held) in enumerate(running.items()):
            array[place].pid, array[place].usedGpuMemory = pid, held
        count._obj.value = len(running)
        return SUCCESS

    def _number(self, handle: Any, key: str, out: Any) -> int:
        if key not in handle.gpu:
            return NOT_SUPPORTED
        out._obj.value = handle.gpu[key]
        return SUCCESS
