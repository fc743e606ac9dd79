"""The run store under many writers, kills, old and new versions, damage and a full disk."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import workbench as wb
from tests.bound import bound
from workbench.errors import StoreError
from workbench.machine.filesystems import Mount
from workbench.results import document
from workbench.runs import Runs, schema
from workbench.runs import store as store_room


def record(number: int = 0, kind: str = "measurement", model: str = "demo", **knobs: Any) -> dict[str, Any]:
    return document(kind, model=model, config=wb.Config(**knobs), result={"number": number, "text": "速度 🚀 \ud83d"})


def test_a_document_comes_back_as_it_went_in(tmp_path: Path) -> None:
    given = record(7)
    with Runs(tmp_path / "runs.sqlite3") as runs:
        number = runs.add(given)
    with Runs(tmp_path / "runs.sqlite3") as runs:
        found = runs.get(number)
    assert found.pop("id") == number
    assert found.pop("time").endswith("+00:00")
    assert found == given


def test_the_default_store_is_in_the_home(workbench_home: Path) -> None:
    with wb.Runs() as runs:
        runs.add(record())
    assert (workbench_home / "runs.sqlite3").is_file()


def test_list_filters_and_is_newest_first(tmp_path: Path) -> None:
    with Runs(tmp_path / "s") as runs:
        for number in range(4):
            runs.add(record(number, attention="eager" if number % 2 else "sdpa"))
        runs.add(record(9, kind="forecast", model="other"))
        assert [run["result"]["number"] for run in runs.list()] == [9, 3, 2, 1, 0]
        assert [run["result"]["number"] for run in runs.list(kind="measurement", limit=2)] == [3, 2]
        assert [run["result"]["number"] for run in runs.list(model="other")] == [9]
        assert [run["result"]["number"] for run in runs.list(config=wb.Config(attention="eager"))] == [3, 1]
        assert (runs.count(), runs.count(kind="forecast"), runs.count(model="demo")) == (5, 1, 4)


def test_a_deleted_number_is_gone_and_not_used_again(tmp_path: Path) -> None:
    with Runs(tmp_path / "s") as runs:
        runs.add(record(1))
        last = runs.add(record(2))
        runs.delete(last)
        assert runs.add(record(3)) == last + 1
        for action in (runs.get, runs.delete):
            with pytest.raises(StoreError, match=f"no run {last}"):
                action(last)


def test_what_is_no_record_is_refused(tmp_path: Path) -> None:
    with Runs(tmp_path / "s") as runs:
        with pytest.raises(StoreError, match="schema"):
            runs.add({"result": 1})
        with pytest.raises(StoreError, match="not JSON serializable"):
            runs.add({"schema": "workbench.x/1", "result": object()})
        assert runs.count() == 0


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    runs = Runs(tmp_path / "s")
    runs.close()
    runs.close()
    with pytest.raises(StoreError, match="is closed"):
        runs.count()


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


def test_an_older_store_is_brought_forward(tmp_path: Path) -> None:
    store = tmp_path / "s"
    old = sqlite3.connect(store)
    schema.MIGRATIONS[0](old)
    given = record(5, attention="eager")
    old.execute(
        "INSERT INTO runs (time, kind, model, document) VALUES ('2026-01-01T00:00:00+00:00', 'measurement', 'demo', ?)",
        (json.dumps(given),),
    )
    old.execute("PRAGMA user_version = 1")
    old.commit()
    old.close()
    with Runs(store) as runs:
        assert runs.get(1)["result"] == given["result"]
        assert [run["id"] for run in runs.list(config=wb.Config(attention="eager"))] == [1]
        assert runs.list(config=wb.Config(attention="sdpa")) == []
        assert runs.add(record(6)) == 2
    with sqlite3.connect(store) as connection:
        assert schema.version(connection) == schema.VERSION
    connection.close()


def test_a_migration_that_fails_leaves_the_store_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Runs(tmp_path / "s") as runs:
        runs.add(record(1))

    def breaks(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE runs ADD COLUMN half TEXT")
        connection.execute("SELECT * FROM nowhere")

    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, breaks))
        patch.setattr(schema, "VERSION", schema.VERSION + 1)
        patch.setattr("workbench.runs.store.VERSION", schema.VERSION)
        with pytest.raises(StoreError, match="nowhere"):
            Runs(tmp_path / "s")
    with Runs(tmp_path / "s") as runs:
        assert runs.get(1)["result"]["number"] == 1
        assert runs._connection is not None
        columns = [row[1] for row in runs._connection.execute("PRAGMA table_info(runs)")]
        assert "half" not in columns


def test_a_newer_store_is_named_and_not_touched(tmp_path: Path) -> None:
    store = tmp_path / "s"
    with Runs(store) as runs:
        runs.add(record())
    newer = sqlite3.connect(store)
    newer.execute(f"PRAGMA user_version = {schema.VERSION + 3}")
    newer.close()
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(StoreError) as caught:
        Runs(store)
    assert caught.value.code == "runs.newer"
    assert f"version {schema.VERSION + 3}" in str(caught.value)
    assert f"up to {schema.VERSION}" in str(caught.value)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_file_that_is_no_store_is_kept(tmp_path: Path) -> None:
    store = tmp_path / "s"
    store.write_bytes(b"my diary, not a database" * 10)
    with pytest.raises(StoreError) as caught:
        Runs(store)
    assert caught.value.code == "runs.damaged"
    assert f"mv {store}" in caught.value.next_step
    assert store.read_bytes() == b"my diary, not a database" * 10


def test_a_store_with_overwritten_pages_is_reported_and_kept(tmp_path: Path) -> None:
    store = tmp_path / "s"
    with Runs(store) as runs:
        for number in range(50):
            runs.add(record(number))
    whole = store.read_bytes()
    damaged = whole[:4096] + b"\xff" * (len(whole) - 4096)
    store.write_bytes(damaged)
    with pytest.raises(StoreError) as caught, Runs(store) as runs:
        runs.list()
    assert caught.value.code == "runs.damaged"
    assert store.read_bytes() == damaged


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    (tmp_path / "s").touch()
    with Runs(tmp_path / "s") as runs:
        assert runs.add(record()) == 1


def test_a_full_disk_loses_only_the_new_record(tmp_path: Path) -> None:
    with Runs(tmp_path / "s") as runs:
        runs.add(record(1))
        assert runs._connection is not None
        pages = runs._connection.execute("PRAGMA page_count").fetchone()[0]
        runs._connection.execute(f"PRAGMA max_page_count = {pages}")  # SQLite's own answer to a full disk
        with pytest.raises(StoreError) as caught:
            runs.add({**record(2), "fill": "x" * 200_000})
        assert caught.value.code == "runs.full"
        assert runs.get(1)["result"]["number"] == 1


def test_a_read_only_store_says_so(tmp_path: Path) -> None:
    with Runs(tmp_path / "s") as runs:
        runs.add(record(1))
        assert runs._connection is not None
        runs._connection.execute("PRAGMA query_only = ON")
        with pytest.raises(StoreError) as caught:
            runs.add(record(2))
        assert caught.value.code == "runs.read_only"
        assert runs.count() == 1


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError) as caught:
        Runs(tmp_path / "file" / "runs.sqlite3")
    assert caught.value.code == "runs.cannot_open"
    with pytest.raises(StoreError, match="cannot be opened"):
        Runs(tmp_path)


def test_a_store_held_by_another_process_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.runs.store.BUSY_S", 0.05)
    with Runs(tmp_path / "s") as runs:
        other = sqlite3.connect(tmp_path / "s", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError) as caught:
            runs.add(record())
        other.execute("ROLLBACK")
        other.close()
        assert caught.value.code == "runs.busy"
        assert runs.add(record()) == 1


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


READ_ONLY = """
from workbench.errors import StoreError
from workbench.runs import Runs
try:
    Runs()
except StoreError as error:
    print(error.code)
"""


@pytest.mark.skipif(os.name != "posix", reason="permissions")
@pytest.mark.parametrize("below", ["", "not there yet"])
def test_a_read_only_home_says_so(tmp_path: Path, below: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o555)
    told = subprocess.run(
        bound(sys.executable, "-P", "-c", READ_ONLY),
        env={**os.environ, "WORKBENCH_HOME": str(home / below)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "runs.read_only"
