"""The stand-in itself: what it plays is what the real pynvml reads, in this process and in a child."""

import subprocess
import sys
import time

import pynvml
import pytest

from tests.nvml_standin import H100, T4, Growing, Standin


def test_the_real_pynvml_reads_what_is_played(nvml: Standin) -> None:
    nvml.play(
        gpus=[H100 | {"memory_used": 5 << 30, "processes": {4321: 4 << 30, 77: None}}, T4], process_name={77: "x"}
    )
    pynvml.nvmlInit()
    assert nvml.opened == 1
    assert pynvml.nvmlDeviceGetCount() == 2
    one, two = (pynvml.nvmlDeviceGetHandleByIndex(index) for index in (0, 1))
    assert pynvml.nvmlDeviceGetUUID(one) == "GPU-aa11"
    assert pynvml.nvmlDeviceGetMemoryInfo(one).used == (5 << 30) + (600 << 20), "with the driver's reserve"
    newer = pynvml.nvmlDeviceGetMemoryInfo(one, version=pynvml.nvmlMemory_v2)
    assert (newer.used, newer.reserved) == (5 << 30, 600 << 20)
    running = pynvml.nvmlDeviceGetComputeRunningProcesses_v3(one)
    assert [(each.pid, each.usedGpuMemory) for each in running] == [(4321, 4 << 30), (77, None)]
    assert pynvml.nvmlSystemGetProcessName(77) == "x"
    assert pynvml.nvmlDeviceGetTemperatureV(one, pynvml.NVML_TEMPERATURE_GPU) == 40
    assert pynvml.nvmlDeviceGetCudaComputeCapability(two) == (7, 5)
    with pytest.raises(pynvml.NVMLError_NotSupported):
        pynvml.nvmlDeviceGetMemoryAffinity(two, 1, pynvml.NVML_AFFINITY_SCOPE_NODE)
    pynvml.nvmlShutdown()
    assert nvml.opened == 0


def test_fields_violations_and_a_counter_that_grows(nvml: Standin) -> None:
    fields = {"field": {74: 7_000_000_000, 197: 9}, "field_type": {197: 1}}
    nvml.play(gpus=[T4 | fields | {"energy_mj": Growing(1000, 50_000), "violation_ns": {1: 42}}])
    pynvml.nvmlInit()
    gpu = pynvml.nvmlDeviceGetHandleByIndex(0)
    power, traffic, absent = pynvml.nvmlDeviceGetFieldValues(gpu, [74, 197, 198])
    assert (power.valueType, power.value.ullVal) == (pynvml.NVML_VALUE_TYPE_UNSIGNED_LONG_LONG, 7_000_000_000)
    assert (traffic.valueType, traffic.value.uiVal) == (pynvml.NVML_VALUE_TYPE_UNSIGNED_INT, 9)
    assert absent.nvmlReturn == pynvml.NVML_ERROR_NOT_SUPPORTED
    assert pynvml.nvmlDeviceGetViolationStatus(gpu, pynvml.NVML_PERF_POLICY_THERMAL).violationTime == 42
    before = pynvml.nvmlDeviceGetTotalEnergyConsumption(gpu)
    time.sleep(0.05)
    assert before >= 1000
    assert pynvml.nvmlDeviceGetTotalEnergyConsumption(gpu) > before
    pynvml.nvmlShutdown()


def test_gpm_between_two_samples(nvml: Standin) -> None:
    nvml.play(gpus=[H100 | {"metric": {2: 75.5, 5: 12.0}, "metric_error": {5: pynvml.NVML_ERROR_NO_DATA}}])
    pynvml.nvmlInit()
    gpu = pynvml.nvmlDeviceGetHandleByIndex(0)
    assert pynvml.nvmlGpmQueryDeviceSupport(gpu).isSupportedDevice
    asked = pynvml.c_nvmlGpmMetricsGet_t()
    asked.version, asked.numMetrics = pynvml.NVML_GPM_METRICS_GET_VERSION, 2
    asked.metrics[0].metricId, asked.metrics[1].metricId = 2, 5
    earlier, later = pynvml.nvmlGpmSampleAlloc(), pynvml.nvmlGpmSampleAlloc()
    pynvml.nvmlGpmSampleGet(gpu, earlier)
    pynvml.nvmlGpmSampleGet(gpu, later)
    asked.sample1, asked.sample2 = earlier, later
    pynvml.nvmlGpmMetricsGet(asked)
    assert (asked.metrics[0].nvmlReturn, asked.metrics[0].value) == (pynvml.NVML_SUCCESS, 75.5)
    assert asked.metrics[1].nvmlReturn == pynvml.NVML_ERROR_NO_DATA
    asked.sample1, asked.sample2 = later, earlier
    with pytest.raises(pynvml.NVMLError_InvalidArgument):
        pynvml.nvmlGpmMetricsGet(asked)
    pynvml.nvmlGpmSampleFree(earlier)
    pynvml.nvmlGpmSampleFree(later)
    pynvml.nvmlShutdown()


def test_errors_come_and_go_while_it_plays(nvml: Standin) -> None:
    nvml.play(gpus=[T4])
    pynvml.nvmlInit()
    gpu = pynvml.nvmlDeviceGetHandleByIndex(0)
    nvml.play(gpus=[T4 | {"error": {"*": pynvml.NVML_ERROR_GPU_IS_LOST}}])
    with pytest.raises(pynvml.NVMLError_GpuIsLost):
        pynvml.nvmlDeviceGetPowerUsage(gpu)
    nvml.play(gpus=[T4], error={"nvmlDeviceGetPowerUsage": pynvml.NVML_ERROR_NO_PERMISSION})
    with pytest.raises(pynvml.NVMLError_NoPermission):
        pynvml.nvmlDeviceGetPowerUsage(gpu)
    nvml.play(gpus=[T4])
    assert pynvml.nvmlDeviceGetPowerUsage(gpu) == 27_000
    assert nvml.calls("nvmlDeviceGetPowerUsage") == 3
    pynvml.nvmlShutdown()


def test_a_child_process_finds_it_by_its_name(nvml: Standin) -> None:
    nvml.play(gpus=[T4], driver="570.86.15")
    code = "import pynvml; pynvml.nvmlInit(); print(pynvml.nvmlSystemGetDriverVersion(), pynvml.nvmlDeviceGetCount())"
    ran = subprocess.run(
        [sys.executable, "-c", code], env=nvml.environment(), capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["570.86.15", "1"]
