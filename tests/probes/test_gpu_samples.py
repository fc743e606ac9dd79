"""One look at a GPU through the real pynvml: values, units, reasons, what is asked again, which GPUs."""

from typing import Any

import pynvml
import pytest

from tests.nvml_standin import A100, H100, T4, Growing, Standin, build
from workbench.machine.nvml import Nvml
from workbench.probes.device import gpu as readings
from workbench.probes.device.gpu import Gpus
from workbench.results import GpuSample

GIB = 1 << 30
BARE = {"uuid": "GPU-bare"}  # it exists, and answers nothing else
VALUES = frozenset(GpuSample.model_fields) - {"index", "uuid", "state", "missing"}


def look(nvml: Standin, *gpus: dict[str, Any], pid: int | None = None, looks: int = 1, **system: Any) -> GpuSample:
    """The last of some looks at the first GPU."""
    nvml.play(gpus=gpus, **system)
    with Nvml() as library:
        seen = Gpus(library, may_wait=True)
        samples = [seen.read(pid)[0] for _ in range(looks)]
        seen.close()
    return samples[-1]


def test_values_and_their_units(nvml: Standin) -> None:
    sample = look(
        nvml,
        A100
        | {"memory_used": 10 * GIB, "utilisation": 87, "sm_mhz": 1395, "temperature": 61, "power_mw": 250_500}
        | {"energy_mj": 12_000, "reasons": 0x4 | 0x1 | 0x20, "processes": {4321: 9 * GIB}}
        | {"field": {74: 1_500_000_000, 75: 0, 76: 7}, "pcie_rx_kb_per_s": 3, "pcie_tx_kb_per_s": 5},
        pid=4321,
    )
    assert sample.kernel_time_share == 0.87
    assert (sample.memory_used_bytes, sample.memory_total_bytes) == (10 * GIB, 80 * GIB), "the reserve is nobody's"
    assert (sample.sm_clock_mhz, sample.max_sm_clock_mhz, sample.memory_clock_mhz) == (1395, 1410, 1593)
    assert (sample.power_w, sample.power_limit_w, sample.energy_j, sample.temperature_c) == (250.5, 400.0, 12.0, 61)
    assert sample.throttle == ("sw_power_cap", "sw_thermal_slowdown")
    assert sample.throttled
    assert sample.held_back_s == {"sw_power_cap": 1.5, "sw_thermal_slowdown": 0.0, "sync_boost": 7e-9}
    assert (sample.pcie_generation, sample.pcie_width, sample.pcie_rx_bytes_per_s) == (4, 16, 3072.0)
    assert sample.process_bytes == 9 * GIB
    assert sample.processes is not None
    assert [(process.pid, process.bytes) for process in sample.processes] == [(4321, 9 * GIB)]


def test_every_value_is_there_or_says_why_not(nvml: Standin) -> None:
    for played in (H100, A100, T4, BARE):
        sample = look(nvml, played, pid=1)
        for name in VALUES:
            assert (getattr(sample, name) is None) == (name in sample.missing), (played["uuid"], name)


def test_a_gpu_that_tells_nothing(nvml: Standin) -> None:
    sample = look(nvml, BARE)
    assert (sample.uuid, sample.state) == ("GPU-bare", "ok")
    assert {getattr(sample, name) for name in VALUES} == {None}
    assert set(sample.missing.values()) <= {"not_supported", "first_look"}
    assert sample.throttled is None


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (pynvml.NVML_ERROR_NOT_SUPPORTED, "not_supported"),
        (pynvml.NVML_ERROR_NO_PERMISSION, "no_permission"),
        (pynvml.NVML_ERROR_FUNCTION_NOT_FOUND, "old_driver"),
        (pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH, "old_driver"),
        (pynvml.NVML_ERROR_TIMEOUT, "Timeout"),
        (pynvml.NVML_ERROR_UNKNOWN, "Unknown Error"),
        (pynvml.NVML_ERROR_NOT_READY, "error 27"),  # the library's own words
    ],
)
def test_each_refusal_has_its_reason(nvml: Standin, code: int, reason: str) -> None:
    sample = look(nvml, T4, error={"nvmlDeviceGetPowerUsage": code})
    assert (sample.power_w, sample.missing["power_w"]) == (None, reason)
    assert sample.energy_j is not None, "one refusal is not another's"


@pytest.mark.parametrize(
    "code",
    [
        pynvml.NVML_ERROR_GPU_IS_LOST,
        pynvml.NVML_ERROR_RESET_REQUIRED,
        pynvml.NVML_ERROR_UNINITIALIZED,
        pynvml.NVML_ERROR_DRIVER_NOT_LOADED,
    ],
)
def test_a_gpu_that_is_gone(nvml: Standin, code: int) -> None:
    sample = look(nvml, T4 | {"error": {"nvmlDeviceGetPowerUsage": code}})
    assert sample.state == "lost"
    assert {getattr(sample, name) for name in VALUES} == {None}, "also what it told before it was gone"
    assert set(sample.missing) == VALUES


def test_what_is_not_supported_is_asked_once_and_what_is_refused_again(nvml: Standin) -> None:
    nvml.play(gpus=[T4], error={"nvmlDeviceGetPowerUsage": pynvml.NVML_ERROR_NO_PERMISSION})
    with Nvml() as library:
        seen = Gpus(library)
        nvml.forget_calls()
        for _ in range(5):
            (sample,) = seen.read(None)
        assert nvml.calls("nvmlGpmQueryDeviceSupport") == 1
        assert nvml.calls("nvmlGpmSampleGet") == 0, "no GPM before Hopper"
        assert nvml.calls("nvmlDeviceGetPowerUsage") == 5
        assert sample.missing["power_w"] == "no_permission"
        nvml.play(gpus=[{name: value for name, value in T4.items() if name != "utilisation"}])
        for _ in range(5):
            (sample,) = seen.read(None)
        assert sample.power_w == 27.0, "permission may be given"
        assert nvml.calls("nvmlDeviceGetUtilizationRates") == 6
        seen.close()


def test_a_driver_without_the_newer_functions(nvml: Standin, tmp_path_factory: pytest.TempPathFactory) -> None:
    missing = (
        *("nvmlDeviceGetTemperatureV", "nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetMemoryInfo_v2"),
        *("nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetGraphicsRunningProcesses_v3"),
        *("nvmlDeviceGetMPSComputeRunningProcesses_v3", "nvmlGpmQueryDeviceSupport"),
    )
    nvml.use(build(tmp_path_factory.mktemp("old"), without=missing))
    sample = look(nvml, T4 | {"memory_used": GIB, "processes": {7: GIB}, "reasons": 0x8})
    assert (sample.temperature_c, sample.throttle) == (40, ("hw_slowdown",))
    assert sample.memory_used_bytes == GIB + (300 << 20), "that driver counts its reserve as used"
    assert sample.processes is not None
    assert [process.pid for process in sample.processes] == [7]
    assert sample.missing["sm_active_share"] == "old_driver"


def test_a_function_that_no_driver_here_has(nvml: Standin, tmp_path_factory: pytest.TempPathFactory) -> None:
    nvml.use(build(tmp_path_factory.mktemp("older"), without=["nvmlDeviceGetEnforcedPowerLimit"]))
    assert look(nvml, T4).missing["power_limit_w"] == "old_driver"


@pytest.mark.parametrize(("bits", "throttled"), [(0x0, False), (0x1, False), (0x4, False), (0x8, True), (0x40, True)])
def test_a_power_cap_alone_is_no_fault(nvml: Standin, bits: int, throttled: bool) -> None:
    assert look(nvml, T4 | {"reasons": bits}).throttled is throttled


def test_held_back_by_the_older_call_where_there_are_no_fields(nvml: Standin) -> None:
    sample = look(nvml, T4 | {"violation_ns": {0: 2_000_000_000, 1: 500_000_000}})
    assert sample.held_back_s == {"sw_power_cap": 2.0, "sw_thermal_slowdown": 0.5}


def test_gpm_between_two_looks(nvml: Standin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.probes.device.activity._LEAST_S", 0.0)
    played = H100 | {"metric": {2: 75.0, 5: 40.5, 10: 12.5}}
    first = look(nvml, played)
    assert (first.sm_active_share, first.missing["sm_active_share"]) == (None, "first_look")
    second = look(nvml, played, looks=3)
    assert (second.sm_active_share, second.tensor_active_share, second.dram_active_share) == (0.75, 0.405, 0.125)
    partly = look(nvml, H100 | {"metric": {2: 75.0, 5: float("nan")}}, looks=2)
    assert partly.sm_active_share == 0.75
    assert (partly.missing["tensor_active_share"], partly.missing["dram_active_share"]) == ("not_supported",) * 2
    refused = look(nvml, played, looks=2, error={"nvmlGpmSampleGet": pynvml.NVML_ERROR_NO_PERMISSION})
    assert refused.missing["dram_active_share"] == "no_permission"


def test_looks_that_are_close_share_one_gpm_sample(nvml: Standin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.probes.device.activity._LEAST_S", 60.0)
    look(nvml, H100, looks=5)
    assert nvml.calls("nvmlGpmSampleGet") == 1


def test_pcie_traffic_from_counters(nvml: Standin) -> None:
    rates = {"field": {197: Growing(5, 3e6), 198: Growing(9, 8e6)}}
    assert look(nvml, H100 | rates).missing["pcie_rx_bytes_per_s"] == "first_look"
    sample = look(nvml, H100 | rates, looks=50)
    assert sample.pcie_rx_bytes_per_s == pytest.approx(8e6, rel=0.5), "a counter, read between two looks"
    assert sample.pcie_tx_bytes_per_s == pytest.approx(3e6, rel=0.5)
    assert nvml.calls("nvmlDeviceGetPcieThroughput") == 0


def test_pcie_throughput_is_asked_rarely_and_in_turn(nvml: Standin, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = look(nvml, T4, looks=20)
    assert nvml.calls("nvmlDeviceGetPcieThroughput") == 1, "it makes the caller wait"
    assert (sample.pcie_rx_bytes_per_s, sample.missing["pcie_tx_bytes_per_s"]) == (20 * 1024.0, "first_look")
    monkeypatch.setattr("workbench.probes.device.fields.Throughput._EVERY_S", 0.0)
    sample = look(nvml, T4, looks=2)
    assert (sample.pcie_rx_bytes_per_s, sample.pcie_tx_bytes_per_s) == (20 * 1024.0, 10 * 1024.0)
    with Nvml() as library:
        (unasked,) = Gpus(library).read(None)
    assert unasked.missing["pcie_rx_bytes_per_s"] == "not_asked"


def test_the_energy_counter_after_a_driver_was_loaded_anew(nvml: Standin) -> None:
    """It starts again at zero: a sample says what it says, and a window over it has no energy by the counter."""
    assert look(nvml, T4 | {"energy_mj": 4_000_000_000_000}).energy_j == 4e9, "more than 32 bits hold"
    assert look(nvml, T4 | {"energy_mj": 0}).energy_j == 0.0, "zero is a value"


# --- which GPUs ---

PART = {
    "name": "NVIDIA H100 80GB HBM3 MIG 3g.40gb", "uuid": "MIG-33cc", "memory_total": 40 * GIB, "memory_used": 2 * GIB,
    "gpu_instance": 2, "processes": {55: 2 * GIB}, "metric": {2: 30.0, 5: 3.0, 10: 6.0},
}  # fmt: skip
DIVIDED = {name: value for name, value in H100.items() if name != "utilisation"} | {
    "mig": 1, "memory_used": 3 * GIB, "instances": [None, PART | {"uuid": "MIG-11aa", "gpu_instance": 1}, PART],
    "metric": {2: 90.0, 5: 90.0, 10: 90.0},
}  # fmt: skip


def test_only_those_that_are_named_in_their_order(nvml: Standin) -> None:
    nvml.play(gpus=[H100, A100, T4])
    with Nvml() as library:
        named = Gpus(library, ("GPU-bb22", "aa11")).read(None)  # torch writes the second
        assert [(sample.index, sample.uuid) for sample in named] == [(2, "GPU-bb22"), (0, "GPU-aa11")]
        assert Gpus(library, ("GPU-none",)).read(None) == ()
        assert len(Gpus(library)) == 3


@pytest.mark.parametrize("uuid", ["MIG-33cc", "33CC"])
def test_a_mig_instance_with_what_is_its_own_and_its_gpus(
    nvml: Standin, monkeypatch: pytest.MonkeyPatch, uuid: str
) -> None:
    monkeypatch.setattr("workbench.probes.device.activity._LEAST_S", 0.0)
    nvml.play(gpus=[T4, DIVIDED])
    with Nvml() as library:
        seen = Gpus(library, (uuid,))
        seen.read(None)
        (sample,) = seen.read(55)
        seen.close()
    assert (sample.index, sample.uuid) == (1, "MIG-33cc")
    assert (sample.memory_used_bytes, sample.memory_total_bytes, sample.process_bytes) == (2 * GIB, 40 * GIB, 2 * GIB)
    assert (sample.kernel_time_share, sample.missing["kernel_time_share"]) == (None, "not_supported")
    assert (sample.sm_active_share, sample.dram_active_share) == (0.3, 0.06), "GPM's shares are the instance's"
    assert (sample.power_w, sample.sm_clock_mhz, sample.temperature_c) == (120.0, 1980, 40), "the whole GPU's"


def test_an_instance_without_a_number_does_not_take_the_whole_gpus_shares(nvml: Standin) -> None:
    nvml.play(gpus=[DIVIDED | {"instances": [{name: v for name, v in PART.items() if name != "gpu_instance"}]}])
    with Nvml() as library:
        seen = Gpus(library, ("MIG-33cc",))
        for _ in range(2):
            (sample,) = seen.read(None)
    assert (sample.sm_active_share, sample.missing["sm_active_share"]) == (None, "not_supported")


def test_a_gpu_before_it_falls_off_and_the_numbers_stay(nvml: Standin, monkeypatch: pytest.MonkeyPatch) -> None:
    """NVML, started anew, lists one GPU less and counts from zero."""
    monkeypatch.setattr(readings, "_REOPEN_S", 0.0)
    gone = {"error": {"*": pynvml.NVML_ERROR_GPU_IS_LOST}}
    nvml.play(gpus=[H100, T4])
    with Nvml() as library:
        seen = Gpus(library)
        seen.read(None)
        nvml.play(gpus=[H100 | gone, T4])
        seen.read(None)
        nvml.play(gpus=[T4])
        for _ in range(3):
            states = [(sample.index, sample.uuid, sample.state) for sample in seen.read(None)]
        assert states == [(0, "GPU-aa11", "lost"), (1, "GPU-bb22", "ok")]
        nvml.play(gpus=[H100, T4])
        for _ in range(2):
            states = [(sample.index, sample.uuid, sample.state) for sample in seen.read(None)]
        assert states == [(0, "GPU-aa11", "ok"), (1, "GPU-bb22", "ok")]
        seen.close()
    assert nvml.opened == 0


def test_the_driver_is_unloaded_and_loaded(nvml: Standin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readings, "_REOPEN_S", 0.0)
    nvml.play(gpus=[T4])
    with Nvml() as library:
        seen = Gpus(library)
        unloaded = pynvml.NVML_ERROR_DRIVER_NOT_LOADED
        nvml.play(gpus=[T4 | {"error": {"*": unloaded}}], error={"nvmlInitWithFlags": unloaded})
        for _ in range(3):
            (sample,) = seen.read(None)
            assert (sample.index, sample.uuid, sample.state) == (0, "GPU-bb22", "lost")
        nvml.play(gpus=[T4])
        for _ in range(2):
            (sample,) = seen.read(None)
        assert (sample.state, sample.power_w) == ("ok", 27.0)
    assert nvml.opened == 0


def test_a_gpu_out_of_reach_from_the_start_is_listed(nvml: Standin) -> None:
    nvml.play(gpus=[T4 | {"error": {"nvmlDeviceGetHandleByIndex_v2": pynvml.NVML_ERROR_GPU_IS_LOST}}, H100])
    with Nvml() as library:
        assert [device.missing for device in library.devices] == ["lost", None]
        first, second = Gpus(library).read(None)
    assert (first.index, first.uuid, first.state) == (0, None, "lost")
    assert (second.index, second.uuid) == (1, "GPU-aa11")
