"""The summary of a window of looks: counters between its ends, means and extremes inside, and what cannot be told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.probes.device import window
from workbench.probes.device.window import growth
from workbench.results import DeviceSample, GpuProcess, GpuSample, GpuWindow

OWN = GpuProcess(pid=1)
OTHER = GpuProcess(pid=99)


def sample(time_s: float, *gpus: GpuSample, **values: object) -> DeviceSample:
    given = {"cpu_busy_share": None, "process_cores": None, "process_rss_bytes": None, "others_cores": None, **values}
    return DeviceSample(time_s=time_s, available_bytes=1, gpus=gpus, **given)  # type: ignore[arg-type]


def gpu(index: int = 0, **values: object) -> GpuSample:
    return GpuSample(index=index, uuid=f"GPU-{index}", **values)  # type: ignore[arg-type]


def only(*samples: DeviceSample, start_s: float = 0.0, end_s: float = 10.0, own: tuple[int, ...] = (1,)) -> GpuWindow:
    (found,) = window(samples, start_s, end_s, own).gpus
    return found


def test_a_counter_is_read_between_its_looks() -> None:
    points = [(0.0, 100.0), (10.0, 200.0), (20.0, 600.0)]
    assert growth(points, 0.0, 20.0) == 500.0
    assert growth(points, 5.0, 15.0) == 250.0
    assert growth(points, 10.0, 10.0) == 0.0
    assert growth(points, 10.0, 20.0) == 400.0


@pytest.mark.parametrize(("start_s", "end_s"), [(-1.0, 5.0), (5.0, 21.0), (21.0, 22.0), (15.0, 5.0)])
def test_looks_that_do_not_reach_over_both_ends(start_s: float, end_s: float) -> None:
    assert growth([(0.0, 1.0), (20.0, 2.0)], start_s, end_s) is None
    assert growth([], start_s, end_s) is None


def test_a_counter_that_started_anew_is_not_told() -> None:
    back = [(0.0, 100.0), (10.0, 5.0), (20.0, 900.0)]
    assert growth(back, 0.0, 20.0) is None, "although it ended higher than it began"
    assert growth(back, 5.0, 20.0) is None, "it may have been before or after"
    assert growth(back, 10.0, 20.0) == 895.0


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=30), st.tuples(*[st.floats(0, 1)] * 3))
def test_parts_of_a_window_add_up(steps: list[float], ends: tuple[float, ...]) -> None:
    points, total = [], 0.0
    for at, step in enumerate(steps):
        total += step
        points.append((float(at), total))
    first, middle, last = sorted(end * (len(steps) - 1) for end in ends)
    parts = [growth(points, first, middle), growth(points, middle, last)]
    assert None not in parts
    assert growth(points, first, last) == pytest.approx(sum(part or 0.0 for part in parts), abs=1e-3)


def test_the_processor() -> None:
    looks = [
        sample(0.0, cpu_energy_j=10.0, cpu_held_back_s=1.0),
        sample(1.0, cpu_busy_share=0.2, others_cores=0.5, cpu_mhz=2000.0, cpu_energy_j=20.0, cpu_held_back_s=1.0),
        sample(2.0, cpu_busy_share=0.4, cpu_energy_j=40.0, cpu_held_back_s=1.5),
        sample(3.0, cpu_busy_share=0.9, cpu_energy_j=90.0, cpu_held_back_s=1.5),
    ]
    found = window(looks, 0.5, 2.5)
    assert (found.seconds, found.looks) == (2.0, 2)
    assert found.cpu_busy_share == pytest.approx(0.3)
    assert (found.others_cores, found.cpu_mean_mhz, found.process_cores) == (0.5, 2000.0, None)
    assert found.cpu_energy_j == pytest.approx(65.0 - 15.0)
    assert found.cpu_held_back_s == pytest.approx(0.5)


def test_nothing_was_seen() -> None:
    found = window([], 1.0, 2.0)
    assert (found.looks, found.cpu_busy_share, found.cpu_energy_j, found.gpus) == (0, None, None, ())


def test_means_and_extremes_of_a_gpu() -> None:
    found = only(
        sample(1.0, gpu(sm_clock_mhz=1000, temperature_c=60, power_w=100.0, memory_used_bytes=5, sm_active_share=0.2)),
        sample(2.0, gpu(sm_clock_mhz=2000, temperature_c=70, power_w=300.0, memory_used_bytes=9)),
        sample(3.0, gpu()),
    )
    assert (found.sm_clock_mean_mhz, found.sm_clock_min_mhz, found.temperature_max_c) == (1500.0, 1000, 70)
    assert (found.power_mean_w, found.memory_used_max_bytes, found.sm_active_share) == (200.0, 9, 0.2)
    assert (found.kernel_time_share, found.max_sm_clock_mhz, found.lost) == (None, None, False)


def test_energy_by_the_counter_and_by_power_where_it_is_not_kept() -> None:
    counted = [sample(at, gpu(energy_j=100.0 * at, power_w=1.0)) for at in (0.0, 5.0, 10.0)]
    found = only(*counted, start_s=1.0, end_s=9.0)
    assert (found.energy_j, found.energy_method) == (800.0, "counter")
    powered = [sample(at, gpu(power_w=50.0)) for at in (2.0, 5.0)]
    assert (only(*powered).energy_j, only(*powered).energy_method) == (500.0, "power")
    anew = [sample(at, gpu(energy_j=energy, power_w=2.0)) for at, energy in ((0.0, 900.0), (5.0, 0.0), (10.0, 9000.0))]
    assert (only(*anew).energy_j, only(*anew).energy_method) == (20.0, "power"), "the driver was loaded anew"
    assert (only(sample(1.0, gpu())).energy_j, only(sample(1.0, gpu())).energy_method) == (None, None)


def test_a_window_shorter_than_a_period_still_has_its_counters() -> None:
    looks = [sample(at, gpu(energy_j=10 * at)) for at in (1.0, 2.0)]
    found = window(looks, 1.25, 1.75)
    assert found.looks == 0
    assert found.gpus[0].energy_j == pytest.approx(5.0)
    assert (found.gpus[0].power_mean_w, found.gpus[0].foreign) == (None, None)


def test_throttling_by_looks_and_by_counters() -> None:
    found = only(
        sample(0.0, gpu(throttle=("sw_power_cap",), held_back_s={"sw_power_cap": 1.0, "sync_boost": 0.0})),
        sample(5.0, gpu(throttle=("sw_power_cap", "hw_slowdown"), held_back_s={"sw_power_cap": 2.0})),
        sample(10.0, gpu(throttle=(), held_back_s={"sw_power_cap": 2.5, "sync_boost": 0.0})),
        sample(11.0, gpu()),
    )
    assert found.throttle == {"sw_power_cap": pytest.approx(2 / 3), "hw_slowdown": pytest.approx(1 / 3)}
    assert found.held_back_s == {"sw_power_cap": 1.5, "sync_boost": 0.0}
    assert found.throttled
    assert only(sample(1.0, gpu())).throttled is None
    assert only(sample(1.0, gpu(throttle=()))).throttled is False
    assert only(sample(1.0, gpu(throttle=()))).throttle == {}


@pytest.mark.parametrize(
    ("looks", "foreign"),
    [
        (((OWN,), (OWN,)), False),
        (((), ()), False),
        (((OWN,), (OWN, OTHER)), True),
        ((None, None), None),
        (((OWN,), None), None),  # who was there at the second look is not known
        ((None, (OTHER,)), True),
    ],
)
def test_whether_others_were_on_it(looks: tuple[tuple[GpuProcess, ...] | None, ...], foreign: bool | None) -> None:
    assert only(*(sample(float(at), gpu(processes=who)) for at, who in enumerate(looks))).foreign is foreign


def test_a_gpu_that_was_lost_meanwhile() -> None:
    looks = [
        sample(0.0, gpu(energy_j=1.0, processes=())),
        sample(1.0, gpu(state="lost")),
        sample(2.0, gpu(energy_j=3.0)),
    ]
    found = only(*looks, end_s=2.0)
    assert (found.lost, found.foreign, found.energy_j) == (True, None, 2.0)
    assert not only(*looks, end_s=0.5).lost


def test_two_instances_of_one_gpu_are_two() -> None:
    parts = [GpuSample(index=0, uuid=f"MIG-{name}", memory_used_bytes=held) for name, held in (("a", 5), ("b", 9))]
    found = window([sample(1.0, *parts), sample(2.0, *parts)], 0.0, 3.0)
    assert [(part.index, part.uuid, part.memory_used_max_bytes) for part in found.gpus] == [
        (0, "MIG-a", 5),
        (0, "MIG-b", 9),
    ]


def test_gpus_in_the_order_of_the_samples() -> None:
    found = window([sample(1.0, gpu(1, power_w=1.0), gpu(0, power_w=2.0))], 0.0, 3.0)
    assert [(one.index, one.power_mean_w) for one in found.gpus] == [(1, 1.0), (0, 2.0)]
