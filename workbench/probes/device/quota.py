"""Seconds that a CPU quota took: what cgroups count as throttled for the group of this process.

Source: Linux, Documentation/admin-guide/cgroup-v2.rst (cpu.stat, throttled_usec) and scheduler/sched-bwc.rst (version
1: throttled_time, nanoseconds).
"""

from pathlib import Path

from workbench.probes.device.rereading import Reread

_PROC = Path("/proc/self/cgroup")
_MOUNT = Path("/sys/fs/cgroup")
_UNITS = {"throttled_usec": 1e-6, "throttled_time": 1e-9}


def read_quota(proc: Path = _PROC, mount: Path = _MOUNT) -> float | None:
    """Seconds since the group was made; None where there is no quota to count for, or it cannot be read."""
    found = _first(proc, mount)
    return None if found is None else found[1]


class Quota:
    """The same many times over: the file that tells it is looked for once."""

    def __init__(self, proc: Path = _PROC, mount: Path = _MOUNT) -> None:
        found = _first(proc, mount)
        self._file = None if found is None else Reread(found[0])

    def read(self) -> float | None:
        told = None if self._file is None else self._file.read()
        return None if told is None else _seconds(told.decode("ascii", "replace"))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _first(proc: Path, mount: Path) -> tuple[Path, float] | None:
    """The file that counts it, and what it says now."""
    for file in _candidates(proc, mount):
        try:
            seconds = _seconds(file.read_text(encoding="ascii"))
        except OSError:  # not there, or not ours to read
            continue
        if seconds is not None:
            return file, seconds
    return None


def _seconds(text: str) -> float | None:
    counts = dict(line.split()[:2] for line in text.splitlines() if line)
    return next((int(counts[name]) * unit for name, unit in _UNITS.items() if name in counts), None)


def _candidates(proc: Path, mount: Path) -> list[Path]:
    """Where the group's own file may be: a container often sees its group as the root of the mount."""
    try:
        lines = proc.read_text(encoding="utf-8").splitlines()
    except OSError:  # another system
        return []
    found = []
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0":
            folders = [mount]
        elif "cpu" in controllers.split(","):
            folders = [mount / controllers, mount / "cpu"]
        else:
            continue
        found += [folder / path.lstrip("/") / "cpu.stat" for folder in folders]
        found += [folder / "cpu.stat" for folder in folders]
    return found
