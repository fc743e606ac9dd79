"""What holds steps up, produced for real in this process: garbage, pages from a disk, a crowded core, ended threads."""

import gc
import mmap
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch

from workbench.machine.page_cache import cached_share
from workbench.machine.storage import read_storage
from workbench.probes import incidents
from workbench.probes.incidents import Incidents
from workbench.results import Incident

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def during(work: Callable[[], object]) -> tuple[Incidents, tuple[int | None, int | None]]:
    """One request of two steps, `work` in the second."""
    with Incidents(torch.device("cpu")) as seen:
        seen.begin()
        seen.step(time.perf_counter())
        work()
        seen.step(time.perf_counter())
        used = seen.end()
    return seen, used


def of(seen: Incidents, cause: str) -> list[Incident]:
    return [each for each in seen.kept if each.cause == cause]


def on_disk(folder: Path, mebibytes: int = 16) -> Path:
    """A file that is in no cache."""
    if read_storage(folder).file_system in (None, "tmpfs", "ramfs", "9p", "zfs"):
        pytest.skip("this file system does not let go of a file's pages when asked")
    file = folder / "weights.safetensors"
    with file.open("wb") as opened:
        opened.write(os.urandom(mebibytes << 20))
        opened.flush()
        os.fsync(opened.fileno())
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return file


def test_a_collection_has_its_moment_and_its_generation() -> None:
    live = [[] for _ in range(300_000)]
    began = time.monotonic()
    seen, _ = during(lambda: gc.collect(1) + gc.collect())
    assert live
    (longest,) = [each for each in of(seen, "gc") if each.amount == 2]
    assert began <= longest.start_s < longest.end_s <= time.monotonic()
    assert longest.seconds == pytest.approx(longest.end_s - longest.start_s)
    assert seen.totals["gc_pauses"] >= 2
    assert seen.totals["gc_s"] >= longest.seconds
    assert seen._on_gc not in gc.callbacks


@linux
def test_pages_from_a_disk_are_counted_in_the_step_that_waited(tmp_path: Path) -> None:
    file = on_disk(tmp_path)

    def read() -> None:
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            mapped.madvise(mmap.MADV_RANDOM)  # no reading ahead: each page is waited for
            assert sum(mapped[at] for at in range(0, len(mapped), 1 << 18)) > 0

    seen, (faults, _switches) = during(read)
    (paged,) = of(seen, "page_in")
    assert paged.amount >= 32
    assert faults >= paged.amount
    assert seen.totals["major_faults"] == faults
    assert during(lambda: None)[0].totals["major_faults"] < 32


@linux
def test_a_crowded_core_is_a_wait() -> None:
    before = os.sched_getaffinity(0)
    core = min(before)
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        os.sched_setaffinity(0, [core])
        for hog in hogs:
            psutil.Process(hog.pid).cpu_affinity([core])

        def compute() -> None:
            until = time.thread_time() + 0.3
            while time.thread_time() < until:
                pass

        seen, (_faults, switches) = during(compute)
    finally:
        os.sched_setaffinity(0, before)
        for hog in hogs:
            hog.kill()
            hog.wait()
    waited = of(seen, "others")
    assert sum(each.seconds for each in waited) > 0.1
    assert seen.totals["waited_s"] >= sum(each.seconds for each in waited) - 1e-9
    assert switches > 0


def test_memory_is_an_incident_of_the_request_once() -> None:
    held: list[bytearray] = []
    seen, _ = during(lambda: held.append(bytearray(os.urandom(1 << 20) * 64)))
    (grown,) = of(seen, "allocator")
    assert grown.whole
    assert grown.amount > 48 << 20
    with Incidents(torch.device("cpu")) as again:
        for _ in range(3):
            again.begin()
            again.step(time.perf_counter())
            again.end()
    assert of(again, "allocator") == []


@linux
def test_a_thread_that_ends_meanwhile_ends_nothing() -> None:
    leave = threading.Event()
    thread = threading.Thread(target=leave.wait)
    thread.start()

    def end() -> None:
        leave.set()
        thread.join()
        time.sleep(0.05)  # the kernel reaps it a moment later

    seen, used = during(end)
    assert used != (None, None)
    assert "waited_s" in seen.totals


def test_what_is_kept_is_bounded_and_what_is_counted_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incidents, "KEPT", 1)
    monkeypatch.setattr(incidents, "_PAUSE_S", -1.0)
    seen, _ = during(lambda: [gc.collect() for _ in range(3)])
    assert len(seen.kept) == 1
    assert seen.dropped >= 2
    assert seen.totals["gc_pauses"] >= 3


@linux
def test_the_share_in_the_page_cache(tmp_path: Path) -> None:
    file = on_disk(tmp_path)
    assert cached_share([file]) == 0.0
    whole = file.stat().st_size
    with file.open("rb", buffering=0) as opened:
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_RANDOM)  # no reading ahead
        opened.read(whole // 4)
    assert cached_share([file]) == pytest.approx(0.25, abs=0.05)
    file.read_bytes()
    assert cached_share([file]) == 1.0
    assert cached_share([]) is None
    assert cached_share([tmp_path / "none"]) is None
