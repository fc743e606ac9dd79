"""A limit on the memory of another process, so that its libraries are really refused."""

import resource  # not on Windows: who takes this skips there
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def room(pid: int, spare: int) -> Iterator[None]:
    """Within it the process may take `spare` bytes of data more than it has (RLIMIT_DATA, setrlimit(2))."""
    squeeze(pid, spare)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def squeeze(pid: int, spare: int) -> None:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    data = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:"))
    resource.prlimit(pid, resource.RLIMIT_DATA, (data + spare, resource.RLIM_INFINITY))
