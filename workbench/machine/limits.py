"""What a container grants: CPU quota and memory of the control groups this process is in (versions 1 and 2)."""

import math
from dataclasses import dataclass
from pathlib import Path

# an unlimited version 1 group writes the largest page-aligned number it can hold
_UNLIMITED_FROM = 1 << 60


@dataclass(frozen=True)
class Limits:
    """`cpus`: cores' worth of time per second; `memory_bytes` and what is left of it. None: no limit."""

    cpus: float | None = None
    memory_bytes: int | None = None
    memory_left_bytes: int | None = None


def read_limits(proc: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")) -> Limits:
    """The tightest limits on the way from this process's groups up to the root; none where there are no groups."""
    cpus: list[float] = []
    memory: list[tuple[int, int]] = []
    for controllers, path in _groups(_text(proc) or ""):
        if not controllers:
            for folder in _upwards(root, path):
                _collect(cpus, _quota(_text(folder / "cpu.max")))
                limit = _bytes(_text(folder / "memory.max"))
                if limit is not None:
                    used = _bytes(_text(folder / "memory.current")) or 0
                    memory.append((limit, limit - used + _inactive_file(folder, "inactive_file")))
        if "cpu" in controllers:
            for folder in _upwards(root / "cpu", path):
                quota, period = _text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")
                _collect(cpus, _quota(f"{quota} {period}") if quota and period else None)
        if "memory" in controllers:
            for folder in _upwards(root / "memory", path):
                limit = _bytes(_text(folder / "memory.limit_in_bytes"))
                if limit is not None:
                    used = _bytes(_text(folder / "memory.usage_in_bytes")) or 0
                    memory.append((limit, limit - used + _inactive_file(folder, "total_inactive_file")))
    return Limits(
        cpus=min(cpus, default=None),
        memory_bytes=min((limit for limit, _ in memory), default=None),
        memory_left_bytes=min((max(left, 0) for _, left in memory), default=None),
    )


def whole_cores(available: int, cpus: float | None) -> int:
    """Cores that threads can keep busy under a quota: half a core more would only be waited for."""
    return available if cpus is None else max(1, min(available, math.floor(cpus + 1e-6)))


def _groups(text: str) -> list[tuple[tuple[str, ...], str]]:
    """(controllers, path) of each line of /proc/self/cgroup; version 2 names no controllers."""
    lines = (line.split(":", 2) for line in text.splitlines())
    return [(tuple(filter(None, parts[1].split(","))), parts[2]) for parts in lines if len(parts) == 3]


def _upwards(root: Path, path: str) -> list[Path]:
    """The group's folder and those above it; only the root where a namespace hides the path."""
    parts = [part for part in path.split("/") if part not in ("", "..")]
    return [root.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1)]


def _quota(text: str | None) -> float | None:
    """`max 100000`, `-1 100000` and `200000 100000` in microseconds per period."""
    parts = (text or "").split()
    if len(parts) != 2 or parts[0] in ("max", "-1"):
        return None
    return int(parts[0]) / int(parts[1])


def _bytes(text: str | None) -> int | None:
    value = (text or "max").strip()
    return None if value == "max" or int(value) >= _UNLIMITED_FROM else int(value)


def _inactive_file(folder: Path, key: str) -> int:
    """File cache that the kernel gives back first: used, but not lost."""
    for line in (_text(folder / "memory.stat") or "").splitlines():
        name, _, value = line.partition(" ")
        if name == key:
            return int(value)
    return 0


def _collect(into: list[float], value: float | None) -> None:
    if value is not None:
        into.append(value)


def _text(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:  # this kernel has no such file
        return None
