"""The processor's counters, read from real files in folders of the test's own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.probes.device.cpu import Files, Watched, rates, read_counters
from workbench.probes.device.processor import PackageEnergy, mean_mhz
from workbench.probes.device.quota import Quota
from workbench.probes.device.rereading import Reread

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone writes these files")


def zone(powercap: Path, name: str, domain: str, energy_uj: int, range_uj: int | None = 262_143_328_850) -> Path:
    folder = powercap / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "name").write_text(f"{domain}\n")
    (folder / "energy_uj").write_text(f"{energy_uj}\n")
    if range_uj is not None:
        (folder / "max_energy_range_uj").write_text(f"{range_uj}\n")
    return folder


def test_energy_of_all_packages_and_of_nothing_else(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", "package-0", 1_000_000)
    zone(tmp_path, "intel-rapl:1", "package-1", 5_000_000)
    zone(tmp_path, "intel-rapl:0:0", "core", 10)  # a part of package 0
    zone(tmp_path, "intel-rapl:2", "psys", 10)  # the platform, packages included
    zone(tmp_path, "intel-rapl-mmio:0", "package-0", 10)  # package 0 once more
    energy = PackageEnergy(tmp_path)
    assert energy.read() == (0.0, None)
    zone(tmp_path, "intel-rapl:0", "package-0", 4_000_000)
    zone(tmp_path, "intel-rapl:1", "package-1", 7_500_000)
    for name in ("intel-rapl:0:0", "intel-rapl:2", "intel-rapl-mmio:0"):
        (tmp_path / name / "energy_uj").write_text("99000000")
    assert energy.read() == (5.5, None)


def test_a_counter_that_ran_over_its_end(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", "package-0", 9_000_000, range_uj=10_000_000)
    energy = PackageEnergy(tmp_path)
    energy.read()
    zone(tmp_path, "intel-rapl:0", "package-0", 2_000_000, range_uj=10_000_000)
    assert energy.read() == (3.0, None)
    zone(tmp_path, "intel-rapl:0", "package-0", 2_500_000, range_uj=10_000_000)
    assert energy.read() == (3.5, None)


def test_a_counter_that_went_back_without_a_known_end(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", "package-0", 9_000_000, range_uj=None)
    energy = PackageEnergy(tmp_path)
    energy.read()
    zone(tmp_path, "intel-rapl:0", "package-0", 2_000_000, range_uj=None)
    assert energy.read() == (None, "counter_reset")


def test_energy_that_is_roots_alone_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert PackageEnergy(tmp_path / "nothing").read() == (None, "not_supported")
    assert PackageEnergy(tmp_path).read() == (None, "not_supported")
    file = zone(tmp_path, "intel-rapl:0", "package-0", 1) / "energy_uj"
    energy = PackageEnergy(tmp_path)
    file.chmod(0o000)
    if os.access(file, os.R_OK):  # root reads everything: then the refusal is the file system's, said in Python

        def refused(*_: object, **__: object) -> str:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "read_text", refused)
    assert energy.read() == (None, "no_permission")


def test_the_mean_frequency(tmp_path: Path) -> None:
    for cpu, khz in enumerate((2_000_000, 3_000_000)):
        folder = tmp_path / f"cpu{cpu}" / "cpufreq"
        folder.mkdir(parents=True)
        (folder / "scaling_cur_freq").write_text(f"{khz}\n")
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("cpu MHz\t\t: 1000.5\nmodel name: x\ncpu MHz\t\t: 1001.5\n")
    assert mean_mhz(tmp_path, cpuinfo) == 2500.0
    assert mean_mhz(tmp_path / "none", cpuinfo) == 1001.0
    cpuinfo.write_text("processor: 0\n")
    assert mean_mhz(tmp_path / "none", cpuinfo) is None
    assert mean_mhz(tmp_path / "none", tmp_path / "none") is None


STAT = "1234 (a b) c) {state} 1 2 3 4 5 6 7 8 {faults} 9 {user} {system} 0 0 20 0 1 0 777 1000 {pages} 0 0\n"


@linux
def test_a_process_by_its_stat_file(tmp_path: Path) -> None:
    (tmp_path / "1234").mkdir()
    file = tmp_path / "1234" / "stat"
    file.write_text(STAT.format(state="S", faults=42, user=150, system=50, pages=10))
    watched = Watched(1234, tmp_path)
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    assert watched.read() == (200 / ticks, 10 * page, 42)
    file.write_text(STAT.format(state="Z", faults=42, user=150, system=50, pages=0))
    assert watched.read() == (None, None, None), "a zombie"
    assert Watched(4321, tmp_path).read() == (None, None, None)


@linux
def test_a_real_process_until_it_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        watched = Watched(child.pid)
        assert watched.read().rss_bytes is not None
        child.kill()
        child.wait()
        assert watched.read() == (None, None, None)


def proc(folder: Path, *cores: str, available: str = "MemTotal: 9 kB\nMemAvailable:    2048 kB\n") -> Files:
    whole = [sum(int(core.split()[place]) for core in cores) for place in range(10)]
    lines = [f"cpu  {' '.join(map(str, whole))}", *(f"cpu{place} {core}" for place, core in enumerate(cores))]
    (folder / "stat").write_text("\n".join([*lines, "intr 5 cpu 7", "ctxt 1"]) + "\n")
    (folder / "meminfo").write_text(available)
    return Files(folder)


@linux
def test_each_core_and_all_of_them(tmp_path: Path) -> None:
    """user nice system idle iowait irq softirq steal guest guest_nice: guest time is within user time."""
    nobody = Watched(None)
    before = read_counters(nobody, proc(tmp_path, "100 0 0 900 0 0 0 0 50 0", "0 0 0 1000 0 0 0 0 0 0"))
    after = read_counters(nobody, proc(tmp_path, "150 0 25 925 0 0 0 0 99 0", "0 0 0 1050 50 0 0 0 0 0"))
    assert after.available_bytes == 2048 * 1024
    rate = rates(before, after, cpus=2)
    assert rate.core_shares == (0.75, 0.0), "waiting for a disk is not being busy"
    assert rate.busy_share == 0.375
    fewer = read_counters(nobody, proc(tmp_path, "160 0 25 925 0 0 0 0 99 0"))
    assert rates(after, fewer).core_shares is None, "a processor went offline"


def test_an_old_kernel_that_tells_no_available_memory(tmp_path: Path) -> None:
    counters = read_counters(Watched(None), proc(tmp_path, "1 0 0 1 0 0 0 0 0 0", available="MemTotal: 9 kB\n"))
    assert counters.available_bytes > 1 << 20, "psutil's estimate"


@pytest.mark.parametrize(
    ("group", "file", "text", "seconds"),
    [
        ("0::/a/b\n", "a/b/cpu.stat", "usage_usec 5\nthrottled_usec 2500000\n", 2.5),
        ("3:cpu,cpuacct:/x\n", "cpu,cpuacct/x/cpu.stat", "nr_periods 2\nthrottled_time 1500000000\n", 1.5),
        ("0::/a/b\n", "cpu.stat", "throttled_usec 7\n", 7e-6),  # a container sees its group as the root
        ("0::/a/b\n", "a/b/cpu.stat", "usage_usec 5\n", None),  # no quota is counted
    ],
)
def test_the_quota_of_the_processs_own_group(
    tmp_path: Path, group: str, file: str, text: str, seconds: float | None
) -> None:
    (tmp_path / "cgroup").write_text(group)
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(text)
    quota = Quota(tmp_path / "cgroup", tmp_path)
    assert quota.read() == seconds
    (tmp_path / file).write_text(text.replace("00000", "40000", 1))
    assert quota.read() == (None if seconds is None else Quota(tmp_path / "cgroup", tmp_path).read())
    quota.close()
    assert quota.read() is None


def test_a_file_is_read_anew_each_time(tmp_path: Path) -> None:
    file = tmp_path / "counter"
    file.write_text("1")
    counter = Reread(file)
    assert counter.read() == b"1"
    file.write_text("22")
    assert counter.read() == b"22"
    counter.close()
    counter.close()
    assert counter.read() is None
    assert Reread(tmp_path / "none").read() is None
