"""What a scrape says of the device and the session: what is unknown is absent, and the dead hold nothing."""

import os
import time
from typing import Any

import pynvml
import pytest
from prometheus_client import CollectorRegistry

from tests.charts.samples import resolved
from tests.fake_nvml import FakeNvml
from tests.monitor.benches import Told
from tests.monitor.prometheus import until
from workbench.metrics.hardware import THROTTLE
from workbench.monitor.collector import Collector, config_labels
from workbench.monitor.recorder import Recorder
from workbench.probes.device import Sampler
from workbench.results import AllocatorReading, DeviceSample, GpuSample

GPU = {
    "name": "Made up",
    "uuid": "GPU-1",
    "total": 1000,
    "used": 600,
    "utilisation": 87,
    "sm_mhz": 1500,
    "memory_mhz": 2600,
    "temperature": 71,
    "milliwatts": 250_500,
    "millijoules": 9_000_000,
    "reasons": pynvml.nvmlClocksEventReasonHwThermalSlowdown,
}


class Looked(Sampler):
    """A sampler that has seen one thing."""

    def __init__(self, sample: DeviceSample | None) -> None:
        super().__init__(1.0)
        self.sample = sample

    @property
    def latest(self) -> DeviceSample | None:
        return self.sample


def sample(age_s: float = 0.0, **changes: Any) -> DeviceSample:
    values: dict[str, Any] = {
        "time_s": time.monotonic() - age_s,
        "cpu_busy_share": 0.5,
        "process_cores": None,
        "process_rss_bytes": None,
        "others_cores": None,
        "available_bytes": 10,
    }
    return DeviceSample(**{**values, **changes})


def scraped(bench: Told | None, sampler: Sampler) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """(name, labels) -> value of every sample."""
    registry = CollectorRegistry()
    registry.register(Collector(bench, Recorder(), sampler))
    return {
        (each.name, tuple(sorted(each.labels.items()))): each.value
        for family in registry.collect()
        for each in family.samples
    }


def names(found: dict[Any, float]) -> set[str]:
    return {name for name, _ in found}


def test_a_gpu_as_nvml_reports_it(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml([GPU, {"name": "Bare"}]).install(monkeypatch)
    with Sampler(0.05, os.getpid()) as sampler:
        until(lambda: sampler.latest, "a look")
        found = scraped(Told(), sampler)
    first = (("gpu", "0"),)
    assert found["workbench_gpu_kernel_time_ratio", first] == 0.87
    assert found["workbench_gpu_memory_used_bytes", first] == 600
    assert found["workbench_gpu_power_watts", first] == 250.5
    assert found["workbench_gpu_energy_joules_total", first] == 9000
    assert found["workbench_gpu_sm_clock_hertz", first] == 1.5e9
    assert found["workbench_gpu_temperature_celsius", first] == 71
    assert found["workbench_gpu_lost", first] == 0
    reasons = {dict(labels)["reason"]: value for (name, labels), value in found.items() if name.endswith("throttled")}
    assert reasons == {name: float(name == "hw_thermal_slowdown") for name in THROTTLE}
    # the second GPU tells its processes, of which there are none, and nothing else: nothing else is said of it
    told = {name: value for (name, labels), value in found.items() if ("gpu", "1") in labels}
    assert told == {"workbench_gpu_lost": 0, "workbench_gpu_model_process_memory_bytes": 0}
    assert found["workbench_model_process_resident_memory_bytes", ()] > 0
    assert not any("GPU-1" in value for _, labels in found for _, value in labels)


def test_fields_of_newer_gpus_and_lost_ones() -> None:
    known = GpuSample(index=0, sm_active_share=0.25, held_back_s={"hw_slowdown": 3.0, "made_up": 1.0}, throttle=())
    parts = [GpuSample(index=1, uuid=f"MIG-{part}", memory_used_bytes=part) for part in (1, 2)]
    lost = GpuSample(index=2, state="lost")
    found = scraped(Told(), Looked(sample(gpus=(known, *parts, lost))))
    assert found["workbench_gpu_sm_active_ratio", (("gpu", "0"),)] == 0.25
    held = {labels for name, labels in found if name == "workbench_gpu_held_back_seconds_total"}
    assert held == {(("gpu", "0"), ("reason", "hw_slowdown"))}
    assert sum(value for (name, _), value in found.items() if name == "workbench_gpu_throttled") == 0
    assert found["workbench_gpu_memory_used_bytes", (("gpu", "1"),)] == 1
    assert found["workbench_gpu_memory_used_bytes", (("gpu", "1:1"),)] == 2
    assert found["workbench_gpu_lost", (("gpu", "2"),)] == 1


def test_what_is_unknown_is_absent_and_never_0() -> None:
    found = scraped(Told(), Looked(sample(cpu_busy_share=None)))
    assert names(found) & {"workbench_cpu_busy_ratio", "workbench_cpu_energy_joules_total"} == set()
    assert not any(name.startswith(("workbench_gpu", "workbench_allocator")) for name in names(found))
    assert ("workbench_decode_tokens_per_second", (("origin", "generate"),)) not in found
    assert not any("sample_age" in name or "available" in name for name in names(scraped(Told(), Looked(None))))


def test_an_old_look_says_nothing_of_now() -> None:
    found = scraped(Told(), Looked(sample(age_s=60)))
    assert "workbench_memory_available_bytes" not in names(found)
    assert found["workbench_sample_age_seconds", ()] >= 60


@pytest.mark.parametrize("told", [{"pid": None}, {"state": "restoring"}, {"state": "released"}, {"state": "failed"}])
def test_a_process_that_is_gone_holds_nothing(told: dict[str, Any]) -> None:
    gone = Told(**told, allocator=AllocatorReading(reserved=8))
    seen = sample(process_rss_bytes=0, process_cores=0.5, gpus=(GpuSample(index=0, process_bytes=5),))
    found = scraped(gone, Looked(seen))
    assert found["workbench_model_resident", ()] == 0
    kept = {name for name in names(found) if "model_process" in name or name.startswith("workbench_allocator")}
    assert kept == set()
    assert "workbench_config_info" not in names(found)
    assert "workbench_memory_available_bytes" in names(found)
    alive = scraped(Told(), Looked(seen))
    assert alive["workbench_model_resident", ()] == 1
    assert "workbench_gpu_model_process_memory_bytes" in names(alive)
    inside = scraped(Told(pid=None, in_process=True), Looked(seen))
    assert inside["workbench_model_resident", ()] == 1


def test_the_allocator_under_its_two_names() -> None:
    held = AllocatorReading(reserved=1000, allocated=600, inactive_split=100, retries=2)
    found = scraped(Told(allocator=held), Looked(None))
    assert found["workbench_allocator_inactive_split_ratio", ()] == 0.1
    assert found["workbench_allocator_unused_ratio", ()] == pytest.approx(0.4)
    assert found["workbench_allocator_retries_total", ()] == 2
    assert "workbench_allocator_refusals_total" not in names(found)
    empty = scraped(Told(allocator=AllocatorReading(reserved=0, allocated=0, inactive_split=0)), Looked(None))
    assert not any("ratio" in name for name in names(empty) if "allocator" in name)


def test_the_configuration_has_a_closed_list_of_values() -> None:
    assert config_labels(resolved()) == {
        "attention": "sdpa",
        "dtype": "float32",
        "quantization": "none",
        "compile": "off",
        "cache": "dynamic",
        "device": "cpu",
    }
    hostile = resolved(attention='spy"}\nup 0', dtype="/home/ada", device_map={"cuda:7": 1}, cache="", compile="x")
    assert config_labels(hostile) == {
        "attention": "other",
        "dtype": "other",
        "quantization": "none",
        "compile": "other",
        "cache": "unknown",
        "device": "cuda",
    }


def test_the_device_alone_has_no_session() -> None:
    found = scraped(None, Looked(sample(process_rss_bytes=5)))
    assert names(scraped(None, Looked(None))) == {"workbench_build_info"}  # never empty: whose it is can be told
    assert names(found) == {
        "workbench_build_info",
        "workbench_sample_age_seconds",
        "workbench_cpu_busy_ratio",
        "workbench_memory_available_bytes",
    }


def test_one_state_at_a_time() -> None:
    found = scraped(Told(state="generating", waiting=3), Looked(None))
    on = [labels for (name, labels), value in found.items() if name == "workbench_session_state" and value]
    assert on == [(("state", "generating"),)]
    assert found["workbench_jobs_waiting", ()] == 3
