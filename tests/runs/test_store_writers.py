"""The run store under many writers and kills, with the journal that its file system can keep."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.runs.records import record
from workbench.machine.filesystems import Mount
from workbench.runs import Runs
from workbench.runs import store as store_room

WRITER = """
import sys
from workbench.runs import Runs
with Runs(sys.argv[1], journal=sys.argv[4]) as runs:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(int(sys.argv[2])):
        stored = runs.add({"schema": "workbench.test/1", "model": sys.argv[3], "result": number, "fill": "x" * 20_000})
        print(stored, flush=True)
"""


def writer(store: Path, count: int, name: str, journal: str = "WAL") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-c", WRITER, str(store), str(count), name, journal],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("journal", ["WAL", "TRUNCATE"])
def test_two_processes_lose_nothing(tmp_path: Path, journal: str) -> None:
    store = tmp_path / "s"
    writers = [writer(store, 200, name, journal) for name in "ab"]  # both make the new store at once
    for process in writers:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in writers:
        process.stdin.write("go\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
    for process in writers:
        process.communicate()
        assert process.returncode == 0
    assert (tmp_path / "s-journal").exists() is (journal == "TRUNCATE")
    with Runs(store, journal=journal) as runs:
        for name in "ab":
            found = [run["result"] for run in runs.list(model=name, limit=1000)]
            assert found == list(reversed(range(200)))


def test_threads_of_one_process_lose_nothing(tmp_path: Path) -> None:
    with Runs(tmp_path / "s") as runs:

        def add(name: str) -> None:
            for number in range(50):
                runs.add(record(number, model=name))
                runs.list(limit=3)

        threads = [threading.Thread(target=add, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [runs.count(model=name) for name in "abcd"] == [50] * 4


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
@pytest.mark.parametrize(("after", "journal"), [(1, "WAL"), (17, "WAL"), (60, "WAL"), (17, "TRUNCATE")])
def test_a_killed_writer_loses_at_most_the_record_in_flight(tmp_path: Path, after: int, journal: str) -> None:
    store = tmp_path / "s"
    process = writer(store, 100_000, "killed", journal)
    assert process.stdout is not None
    assert process.stdin is not None
    process.stdout.readline()
    process.stdin.write("go\n")
    process.stdin.flush()
    told = [int(process.stdout.readline()) for _ in range(after)]
    os.kill(process.pid, signal.SIGKILL)
    told += [int(line) for line in process.stdout.read().splitlines() if line.isdecimal()]
    process.stdin.close()
    process.stdout.close()
    process.wait()
    with Runs(store, journal=journal) as runs:
        kept = sorted(run["id"] for run in runs.list(limit=200_000))
        assert set(told) <= set(kept)
        assert len(kept) <= len(told) + 1
        assert runs.add(record()) == kept[-1] + 1


def mode_of(store: Path) -> str:
    """The journal mode that the file itself carries: the bytes 18 and 19 of its header are 2 for WAL."""
    return "WAL" if store.read_bytes()[18:20] == b"\x02\x02" else "rollback"


def test_a_store_on_a_network_file_system_keeps_no_write_ahead_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "s"
    with Runs(store) as runs:
        runs.add(record(1))
        assert runs.journal == "WAL"
    assert mode_of(store) == "WAL"
    monkeypatch.setattr("workbench.runs.store.mount_of", lambda _folder: Mount(tmp_path, "nfs4"))
    with Runs(store) as runs:  # the home has moved to a server
        assert runs.journal == "TRUNCATE"
        runs.add(record(2))
        assert runs.count() == 2
    assert mode_of(store) == "rollback"
    assert not (tmp_path / "s-wal").exists()


@pytest.mark.skipif(os.name != "posix", reason="the layer's name")
def test_where_memory_cannot_be_shared_sqlite_decides(tmp_path: Path) -> None:
    # SQLite's own layer for file systems without locks: it has no shared memory either
    connection = sqlite3.connect(f"file:{tmp_path}/s?vfs=unix-none", uri=True, isolation_level=None)
    assert store_room._set_journal(connection, "WAL") == "TRUNCATE"
    connection.close()
