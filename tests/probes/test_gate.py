"""The throttle gate: what two looks say of the time between, which runs are repeated, what is said of the others."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.judging import COMPARED
from workbench.pairing import LEAST_PAIRS, Gathered, Half, Plan, gather, throttling
from workbench.probes import conditions
from workbench.probes.device import gate as gates
from workbench.probes.device.cpu import Watched, read_counters
from workbench.probes.device.gate import Gate, Look, between, heat_count, together, unthrottled
from workbench.probes.device.quota import read_quota
from workbench.results import GpuSample, RunConditions, Workload
from workbench.session import Session

COOL = RunConditions(others_cores=0.0)
HOT = RunConditions(others_cores=0.0, held_back=("hw_thermal_slowdown",))


def look(gpu: GpuSample | None = None, heat: int | None = None, quota_s: float | None = None) -> Look:
    return Look(read_counters(Watched(None)), heat, quota_s, gpu)


def gpu(throttle: tuple[str, ...] | None = (), held: dict[str, float] | None = None, mhz: int = 1980) -> GpuSample:
    return GpuSample(
        index=0, throttle=throttle, held_back_s=held, sm_clock_mhz=mhz, temperature_c=60 + len(throttle or ())
    )


def test_a_calm_run() -> None:
    found = between(look(gpu(), 5, 1.5), look(gpu(mhz=1970), 5, 1.5))
    assert found.held_back == ()
    assert (found.power_capped, found.sm_clock_mhz, found.temperature_c) == (False, 1975.0, 60)


def test_what_is_not_known_is_none_and_holds_nothing_back() -> None:
    found = between(look(), look())
    assert found.held_back == ()
    assert (found.power_capped, found.sm_clock_mhz, found.temperature_c) == (None, None, None)


def test_heat_and_a_quota_of_the_cpu() -> None:
    assert between(look(None, 5, 1.5), look(None, 6, 1.75)).held_back == ("cpu_heat", "cpu_quota")


def test_a_state_at_either_end_counts_where_nothing_is_counted() -> None:
    found = between(look(gpu()), look(gpu(("sw_thermal_slowdown", "sw_power_cap"))))
    assert found.held_back == ("sw_thermal_slowdown",)
    assert found.power_capped is True


def test_a_counter_knows_better_than_the_ends() -> None:
    """It rose between two looks at which nothing held, and it stood still where an older reason was still shown."""
    calm = {"hw_thermal_slowdown": 3.0, "sw_power_cap": 1.0}
    risen = {**calm, "hw_thermal_slowdown": 3.2}
    assert between(look(gpu((), calm)), look(gpu((), risen))).held_back == ("hw_thermal_slowdown",)
    stale = ("hw_thermal_slowdown",)
    assert between(look(gpu(stale, calm)), look(gpu(stale, calm))).held_back == ()


def test_several_runs_as_one() -> None:
    whole = together([COOL, HOT, RunConditions(others_cores=0.4, sm_clock_mhz=1000.0, temperature_c=80)])
    assert whole.held_back == ("hw_thermal_slowdown",)
    assert whole.others_cores == pytest.approx(0.4 / 3)
    assert (whole.sm_clock_mhz, whole.temperature_c) == (1000.0, 80)


def test_runs_that_are_not_throttled_unless_most_are() -> None:
    assert unthrottled([COOL, HOT, COOL]) == [0, 2]
    assert unthrottled([HOT, HOT, COOL]) == [0, 1, 2]


def test_heat_is_counted_over_cores_and_packages(tmp_path: Path) -> None:
    assert heat_count(tmp_path) is None
    for cpu, counts in enumerate(((2, 7), (3, 7))):
        folder = tmp_path / f"cpu{cpu}" / "thermal_throttle"
        folder.mkdir(parents=True)
        for name, count in zip(("core_throttle_count", "package_throttle_count"), counts, strict=True):
            (folder / name).write_text(f"{count}\n")
    (tmp_path / "cpufreq").mkdir()
    assert heat_count(tmp_path) == 19


@pytest.mark.parametrize(
    ("group", "file", "content", "seconds"),
    [
        ("0::/user/job\n", "user/job/cpu.stat", "usage_usec 9\nnr_throttled 2\nthrottled_usec 1500000\n", 1.5),
        ("0::/\n", "cpu.stat", "usage_usec 9\nthrottled_usec 0\n", 0.0),
        ("0::/\n", "cpu.stat", "usage_usec 9\n", None),  # the root group counts no quota
        ("0::/outside/of/here\n", "cpu.stat", "throttled_usec 20\n", 2e-5),
        ("5:cpu,cpuacct:/a\n0::/a\n", "cpu,cpuacct/a/cpu.stat", "nr_periods 1\nthrottled_time 2000000000\n", 2.0),
        ("3:memory:/a\n", "memory/a/cpu.stat", "throttled_time 5\n", None),
    ],
)
def test_a_quota_by_either_version(tmp_path: Path, group: str, file: str, content: str, seconds: float | None) -> None:
    proc, mount = tmp_path / "cgroup", tmp_path / "mount"
    proc.write_text(group)
    (mount / file).parent.mkdir(parents=True)
    (mount / file).write_text(content)
    assert read_quota(proc, mount) == (None if seconds is None else pytest.approx(seconds))


def test_no_cgroups_no_quota(tmp_path: Path) -> None:
    assert read_quota(tmp_path / "absent", tmp_path) is None


def _gathered(hot: set[int], pairs: int = LEAST_PAIRS) -> Gathered:
    """`hot`: runs, counted from 0, that were throttled, and slower for it."""
    runs = iter(range(1000))

    def run(side: int) -> Half:
        at = next(runs)
        value = 3.0 if at in hot else 10.0 + side / 10
        return Half(dict.fromkeys(COMPARED, value), 1.0, HOT if at in hot else COOL)

    return gather(run, Plan(0.0001, 0.0, quick=pairs), lambda *_so_far: None, time.monotonic())


def test_an_affected_pair_is_set_aside_and_said_so() -> None:
    found = _gathered({2, 3}, pairs=5)
    assert (found.set_aside, found.marked, found.held_back) == (1, 0, ("hw_thermal_slowdown",))
    assert all(pair[0]["decode_tps"] == 10.0 for pair in found.pairs)
    assert [flag.code for flag in throttling(found)] == ["flag.throttled_repeated"]


def test_a_device_that_is_always_hot_gives_a_marked_verdict() -> None:
    found = _gathered(set(range(100)))
    assert (found.set_aside, found.marked) == (0, LEAST_PAIRS)
    assert [flag.code for flag in throttling(found)] == ["flag.throttled"]


@pytest.mark.parametrize(
    ("mhz", "capped", "flags"),
    [
        ((1980.0, 1975.0), False, []),
        ((1980.0, 1700.0), False, ["flag.clocks_apart"]),
        ((1980.0, 1700.0), True, ["flag.clocks_apart_capped"]),
        ((None, 1700.0), False, []),
    ],
)
def test_clocks_of_both_sides(mhz: tuple[float | None, float], capped: bool, flags: list[str]) -> None:
    def run(side: int) -> Half:
        seen = RunConditions(sm_clock_mhz=mhz[side], power_capped=capped and side == 1)
        return Half(dict.fromkeys(COMPARED, 10.0), 1.0, seen)

    found = gather(run, Plan(0.1, 0.0, quick=3), lambda *_so_far: None, time.monotonic())
    assert [flag.code for flag in throttling(found)] == flags
    assert found.sides[1].sm_clock_mhz == 1700.0 or flags == []
    assert found.sides[1].power_capped_share == (1.0 if capped else 0.0)


class Heated(Gate):
    """The real gate over a folder of counters of its own, in which heat strikes during the runs of `hot`."""

    def __init__(self, cpus: Path, hot: set[int]) -> None:
        super().__init__(None, os.getpid(), cpus)
        self._file = cpus / "cpu0" / "thermal_throttle" / "core_throttle_count"
        self._file.parent.mkdir(parents=True)
        self._file.write_text("0")
        self._hot, self._looks = hot, 0

    def look(self) -> Look:
        run, ends = divmod(self._looks, 2)
        if ends and run in self._hot:
            self._file.write_text(str(int(self._file.read_text()) + 1))
        self._looks += 1
        return super().look()


@pytest.fixture
def inline(tiny: str) -> Iterator[Session]:
    with Session(tiny, host="inline") as session:
        yield session


@pytest.mark.model
@pytest.mark.parametrize(
    ("hot", "set_aside", "flag"),
    [({1}, 1, "flag.throttled_runs_repeated"), (set(range(99)), 0, "flag.throttled_runs"), (set(), 0, None)],
)
def test_a_measurement_repeats_or_marks(
    inline: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hot: set[int], set_aside: int, flag: str | None
) -> None:
    heated = Heated(tmp_path, hot)
    monkeypatch.setattr(conditions, "gate", lambda _uuid, _pid: heated)
    found = inline.measure(Workload(prompt_tokens=8, new_tokens=4), precision=10.0, budget_s=60)
    assert (found.repeats, found.set_aside) == (4, set_aside)
    throttled = [each.code for each in found.flags if each.code.startswith("flag.throttled")]
    assert throttled == ([flag] if flag else [])
    assert found.conditions.held_back == (("cpu_heat",) if flag == "flag.throttled_runs" else ())
    assert found.device is not None


@pytest.mark.model
def test_a_comparison_repeats_hot_pairs(inline: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heated = Heated(tmp_path, {3})  # two runs warm up, the first pair is 2 and 3
    monkeypatch.setattr(conditions, "gate", lambda _uuid, _pid: heated)
    work = Workload(prompt_tokens=8, new_tokens=4)
    found = inline.compare({"attention": "eager"}, {"attention": "sdpa"}, work, precision=10.0, budget_s=60)
    assert (found.pairs, found.set_aside, found.held_back) == (6, 1, ("cpu_heat",))
    assert "flag.throttled_repeated" in {each.code for each in found.flags}


def test_nvml_is_opened_once_for_a_process() -> None:
    assert gates.gate(None, 1) is gates.gate(None, 1)
