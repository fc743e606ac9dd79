from pathlib import Path

import pytest

from workbench.machine.limits import Limits, read_limits, whole_cores

GIB = 1 << 30


def _write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def _limits(tmp_path: Path, groups: str, files: dict[str, str]) -> Limits:
    proc = tmp_path / "cgroup"
    proc.write_text(groups)
    return read_limits(proc, _write(tmp_path / "fs", files))


def test_version_2_takes_the_tightest_on_the_way_up(tmp_path: Path) -> None:
    limits = _limits(
        tmp_path,
        "0::/user/session\n",
        {
            "user/session/cpu.max": "max 100000\n",
            "user/cpu.max": "150000 100000\n",
            "user/session/memory.max": f"{8 * GIB}\n",
            "user/session/memory.current": f"{3 * GIB}\n",
            "user/session/memory.stat": f"anon 5\ninactive_file {GIB}\n",
            "user/memory.max": f"{16 * GIB}\n",
            "user/memory.current": f"{15 * GIB}\n",
        },
    )
    assert limits == Limits(cpus=1.5, memory_bytes=8 * GIB, memory_left_bytes=GIB)


def test_version_2_in_a_container_has_its_limits_at_the_root(tmp_path: Path) -> None:
    limits = _limits(tmp_path, "0::/\n", {"cpu.max": "200000 100000\n", "memory.max": "max\n"})
    assert limits == Limits(cpus=2.0)


def test_version_1(tmp_path: Path) -> None:
    limits = _limits(
        tmp_path,
        "5:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n0::/\n",
        {
            "cpu/docker/x/cpu.cfs_quota_us": "50000\n",
            "cpu/docker/x/cpu.cfs_period_us": "100000\n",
            "cpu/cpu.cfs_quota_us": "-1\n",
            "cpu/cpu.cfs_period_us": "100000\n",
            "memory/docker/x/memory.limit_in_bytes": f"{4 * GIB}\n",
            "memory/docker/x/memory.usage_in_bytes": f"{GIB}\n",
            "memory/memory.limit_in_bytes": "9223372036854771712\n",
        },
    )
    assert limits == Limits(cpus=0.5, memory_bytes=4 * GIB, memory_left_bytes=3 * GIB)


def test_no_groups_no_limits(tmp_path: Path) -> None:
    assert read_limits(tmp_path / "missing", tmp_path) == Limits()


@pytest.mark.parametrize(
    ("available", "cpus", "cores"), [(8, None, 8), (8, 4.0, 4), (8, 2.5, 2), (8, 0.5, 1), (2, 16.0, 2)]
)
def test_whole_cores(available: int, cpus: float | None, cores: int) -> None:
    assert whole_cores(available, cpus) == cores
