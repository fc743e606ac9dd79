"""The run store in trouble: damage, a full disk, a folder that cannot be written, a store that another holds."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bound import bound
from tests.runs.records import record
from workbench.errors import StoreError
from workbench.runs import Runs


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
