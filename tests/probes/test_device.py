import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from tests.fake_nvml import FakeNvml
from workbench.machine.nvml import Nvml
from workbench.probes.device import Sampler, sampler
from workbench.probes.device.cpu import Counters, Watched, rates, read_counters
from workbench.probes.device.gpu import Gpus


def _until(true: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


@pytest.fixture
def busy() -> Iterator[subprocess.Popen[bytes]]:
    code = "import time\nend = time.monotonic() + 60\nwhile time.monotonic() < end: pass"
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        yield process
        process.kill()


def _counters(time_s: float, busy_s: float, total_s: float, own_s: float = 0.0, **changes: object) -> Counters:
    given = {"pid": None, "process_s": None, "process_rss_bytes": None, "available_bytes": 1, **changes}
    return Counters(time_s=time_s, busy_s=busy_s, total_s=total_s, own_s=own_s, **given)  # type: ignore[arg-type]


def test_rates_between_two_readings() -> None:
    earlier = _counters(10.0, 100.0, 400.0, 5.0, pid=1, process_s=50.0)
    later = _counters(12.0, 106.0, 408.0, 5.5, pid=1, process_s=52.0)
    rate = rates(earlier, later, cpus=4)
    assert rate.busy_share == 0.75
    assert rate.process_cores == 1.0
    assert rate.others_cores == pytest.approx(3.0 - 1.0 - 0.25)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (_counters(1, 0, 0), _counters(1, 0, 0)),
        (_counters(1, 0, 5), _counters(2, 0, 5)),
    ],
)
def test_no_time_no_rate(earlier: Counters, later: Counters) -> None:
    assert rates(earlier, later).busy_share is None


def test_a_replaced_process_has_no_rate_across_the_change() -> None:
    rate = rates(_counters(1, 0, 0, pid=1, process_s=5.0), _counters(2, 1, 2, pid=2, process_s=0.1), cpus=2)
    assert (rate.busy_share, rate.process_cores, rate.others_cores) == (0.5, None, None)


def test_the_samplers_own_process_is_not_others() -> None:
    pid = os.getpid()
    rate = rates(
        _counters(0, 0, 0, 0.0, pid=pid, process_s=0.0), _counters(1, 2, 2, 1.0, pid=pid, process_s=1.0), cpus=2
    )
    assert rate.others_cores == pytest.approx(1.0), "counted once, not twice"


def test_a_busy_worker_is_told_from_others(busy: subprocess.Popen[bytes]) -> None:
    with Sampler(period_s=0.02, pid=busy.pid) as looking:
        _until(lambda: len(looking.samples) >= 20)
        sample = looking.latest
    assert sample is not None
    assert sample.process_cores is not None
    assert sample.process_cores > 0.05
    assert sample.process_rss_bytes is not None
    assert sample.process_rss_bytes > 1 << 20
    assert sample.available_bytes > 1 << 20
    assert sample.cpu_busy_share is not None
    assert 0 < sample.cpu_busy_share <= 1


def test_a_dead_worker_is_none_and_sampling_goes_on(busy: subprocess.Popen[bytes]) -> None:
    with Sampler(period_s=0.02, pid=busy.pid) as looking:
        _until(lambda: looking.latest is not None and looking.latest.process_rss_bytes is not None)
        busy.kill()
        busy.wait()
        _until(lambda: looking.latest is not None and looking.latest.process_rss_bytes is None)
        looking.watch(os.getpid())
        _until(lambda: looking.latest is not None and looking.latest.process_cores is not None)


def test_a_process_that_never_was() -> None:
    counters = read_counters(Watched(2**30))
    assert (counters.process_s, counters.process_rss_bytes) == (None, None)


def test_the_window_rolls_and_stays_after_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler, "WINDOW", 6)
    looking = Sampler(period_s=0.001).start()
    _until(lambda: len(looking.samples) == 6)
    first = looking.samples[0].time_s
    _until(lambda: looking.samples[0].time_s > first)
    looking.stop()
    looking.stop()
    kept = looking.samples
    assert len(kept) == 6
    assert not looking.running
    time.sleep(0.05)
    assert looking.samples == kept
    times = [sample.time_s for sample in kept]
    assert times == sorted(times)
    assert looking.between(times[1], times[3]) == kept[1:4]
    assert looking.others_cores(times[0], times[0]) is None


def test_it_can_be_started_again() -> None:
    looking = Sampler(period_s=0.005)
    for _ in range(2):
        before = len(looking.samples)
        with looking:
            assert looking.start() is looking
            _until(lambda before=before: len(looking.samples) > before)


def test_a_look_that_costs_much_makes_looks_rarer(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def costly(self: Gpus, pid: int | None) -> tuple[()]:
        end = time.thread_time() + 0.02
        while time.thread_time() < end:
            pass
        return ()

    looking = Sampler(period_s=0.001)
    monkeypatch.setattr(Gpus, "read", costly)
    monkeypatch.setattr(looking._stop, "wait", lambda seconds: waits.append(seconds) or len(waits) > 2)
    looking.start()
    _until(lambda: len(waits) > 2)
    looking.stop()
    assert min(waits) >= 2.0, "0.02 s of work in 0.01 of one core is a look every 2 s"


def test_without_a_gpu_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml([], start=9).install(monkeypatch)
    with Sampler(period_s=0.01) as looking:
        _until(lambda: looking.latest is not None)
    assert looking.gpu_problem is not None
    assert looking.latest is not None
    assert looking.latest.gpus == ()


def test_gpu_values_and_their_units(monkeypatch: pytest.MonkeyPatch) -> None:
    full = {
        "name": "A100", "uuid": "GPU-1", "total": 40 << 30, "used": 10 << 30, "utilisation": 87, "sm_mhz": 1410,
        "memory_mhz": 1215, "temperature": 61, "milliwatts": 250500, "millijoules": 12_000, "reasons": 0x4 | 0x1 | 0x20,
        "processes": {4321: 9 << 30},
    }  # fmt: skip
    FakeNvml([full, {"uuid": "GPU-2"}]).install(monkeypatch)
    with Nvml() as nvml:
        one, two = Gpus(nvml).read(4321)
        (only,) = Gpus(nvml, ("GPU-2",)).read(None)
    assert one.kernel_time_share == 0.87
    assert (one.memory_used_bytes, one.memory_total_bytes, one.process_bytes) == (10 << 30, 40 << 30, 9 << 30)
    assert (one.sm_clock_mhz, one.memory_clock_mhz, one.temperature_c) == (1410, 1215, 61)
    assert (one.power_w, one.energy_j) == (250.5, 12.0)
    assert one.throttle == ("sw_power_cap", "sw_thermal_slowdown")
    assert one.throttled
    silent = two.model_dump(exclude={"index", "uuid", "throttled"})
    assert set(silent.values()) == {None}
    assert two.throttled is None
    assert only.uuid == "GPU-2"
    assert only.index == 1


@pytest.mark.parametrize(("bits", "throttled"), [(0x0, False), (0x1, False), (0x4, False), (0x8, True), (0x40, True)])
def test_a_power_cap_alone_is_no_fault(monkeypatch: pytest.MonkeyPatch, bits: int, throttled: bool) -> None:
    FakeNvml([{"reasons": bits}]).install(monkeypatch)
    with Nvml() as nvml:
        (sample,) = Gpus(nvml).read(None)
    assert sample.throttled is throttled
