import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import pynvml
import pytest

from tests.nvml_standin import H100, T4, Standin
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

    def pause(stop: threading.Event, seconds: float) -> None:
        waits.append(seconds)
        if len(waits) > 2:
            stop.set()

    monkeypatch.setattr(looking, "_pause", pause)
    looking.start()
    _until(lambda: len(waits) > 2)
    looking.stop()
    assert min(waits) >= 2.0, "0.02 s of work in 0.01 of one core is a look every 2 s"


def test_without_a_gpu_it_says_why(nvml: Standin) -> None:
    nvml.play(error={"nvmlInitWithFlags": pynvml.NVML_ERROR_DRIVER_NOT_LOADED})
    with Sampler(period_s=0.01) as looking:
        _until(lambda: looking.latest is not None)
    assert looking.gpu_problem is not None
    assert looking.latest is not None
    assert looking.latest.gpus == ()


def test_the_looks_cost_is_told_by_the_threads_own_clock() -> None:
    looking = Sampler(period_s=0.005)
    assert (looking.look_cpu_s, looking.cost_share) == (None, None)
    with looking:
        _until(lambda: len(looking.samples) >= 3 and looking.cost_share is not None)
    assert looking.look_cpu_s is not None
    assert looking.look_cpu_s > 0


def test_more_looks_are_kept_for_a_long_run() -> None:
    with Sampler(period_s=0.001, length=7) as looking:
        _until(lambda: len(looking.samples) == 7)
        last = looking.samples[0].time_s
        _until(lambda: looking.samples[0].time_s > last)
    assert len(looking.samples) == 7


def test_cores_frequency_and_what_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler, "mean_mhz", lambda: None)
    with Sampler(period_s=0.02, pid=os.getpid()) as looking:
        _until(lambda: looking.latest is not None and looking.latest.core_shares is not None)
    sample = looking.latest
    assert sample is not None
    assert sample.core_shares is not None
    assert len(sample.core_shares) == os.cpu_count()
    assert all(0 <= share <= 1 for share in sample.core_shares)
    assert sample.process_major_faults is not None
    assert (sample.cpu_mhz, sample.missing["cpu_mhz"]) == (None, "not_supported")
    values = (sample.cpu_mhz, sample.cpu_energy_j, sample.cpu_held_back_s)
    assert [value is None for value in values] == [
        name in sample.missing for name in ("cpu_mhz", "cpu_energy_j", "cpu_held_back_s")
    ]


def test_a_call_that_takes_long_delays_looks_and_none_pile_up(nvml: Standin) -> None:
    """The driver takes 20 periods for one call: looks come one after the other, with a rest in between."""
    nvml.play(gpus=[T4 | {"sleep_ms": {"nvmlDeviceGetPowerUsage": 200}}])
    with Sampler(period_s=0.01) as looking:
        _until(lambda: len(looking.samples) >= 3)
        asked = nvml.calls("nvmlDeviceGetPowerUsage")
    times = [sample.time_s for sample in looking.samples]
    assert asked <= len(times) + 1
    assert all(later - earlier >= 0.2 for earlier, later in pairwise(times))
    assert all(sample.gpus[0].power_w == 27.0 for sample in looking.samples)


def test_stop_does_not_wait_for_a_driver_that_hangs(nvml: Standin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler, "_STOP_S", 0.05)
    nvml.play(gpus=[T4 | {"sleep_ms": {"nvmlDeviceGetPowerUsage": 1500}}])
    looking = Sampler(period_s=0.01).start()
    _until(lambda: nvml.calls("nvmlDeviceGetPowerUsage") >= 1)
    hung = looking._thread
    looking.stop()
    assert hung is not None
    assert hung.is_alive(), "stop came back while the call was still in the driver"
    nvml.play(gpus=[T4])
    with looking:
        _until(lambda: len(looking.samples) >= 2)
        hung.join(30)
        assert not hung.is_alive(), "a run that was stopped does not go on beside the new one"
    times = [sample.time_s for sample in looking.samples]
    assert times == sorted(times)


def test_a_gpu_lost_mid_run_and_back_again(nvml: Standin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.probes.device.gpu._REOPEN_S", 0.05)
    nvml.play(gpus=[H100, T4])
    with Sampler(period_s=0.01) as looking:

        def states() -> list[str]:
            return [gpu.state for gpu in looking.latest.gpus] if looking.latest else []

        _until(lambda: states() == ["ok", "ok"])
        nvml.play(gpus=[H100 | {"error": {"*": pynvml.NVML_ERROR_GPU_IS_LOST}}, T4])
        _until(lambda: states() == ["lost", "ok"])
        lost = looking.latest.gpus[0] if looking.latest else None
        nvml.play(gpus=[H100, T4])
        _until(lambda: states() == ["ok", "ok"])
        _until(lambda: looking.latest is not None and looking.latest.gpus[0].sm_active_share is not None)
    assert lost is not None
    assert lost.uuid == "GPU-aa11"
    assert {value for name, value in lost if name not in ("index", "uuid", "state", "missing")} == {None}
    assert set(lost.missing.values()) == {"lost"}
    assert nvml.opened == 0, "closed again, however often it was opened"


def test_no_such_gpu_is_said(nvml: Standin) -> None:
    nvml.play(gpus=[T4])
    with Sampler(period_s=0.01, gpu_uuids=("GPU-none",)) as looking:
        _until(lambda: looking.latest is not None)
    assert looking.gpu_problem is not None
    assert "GPU-none" in str(looking.gpu_problem)


def test_the_sampler_in_a_process_of_its_own(nvml: Standin) -> None:
    """The library is found by its name, as on a machine with a driver."""
    nvml.play(gpus=[H100, T4])
    code = (
        "import time\nfrom workbench.probes.device import Sampler\n"
        "with Sampler(period_s=0.01) as looking:\n"
        "    while len(looking.samples) < 3: time.sleep(0.01)\n"
        "print([(gpu.uuid, gpu.power_w) for gpu in looking.latest.gpus], looking.gpu_problem)"
    )
    ran = subprocess.run([sys.executable, "-c", code], env=nvml.environment(), capture_output=True, text=True)
    assert ran.stdout.strip() == "[('GPU-aa11', 120.0), ('GPU-bb22', 27.0)] None", ran.stderr
