"""The run store: what goes in comes back, and old and newer versions of it."""

import json
import sqlite3
from pathlib import Path

import pytest

import workbench as wb
from tests.runs.records import record
from workbench.errors import StoreError
from workbench.runs import Runs, schema


def test_a_document_comes_back_as_it_went_in(tmp_path: Path) -> None:
    given = record(7)
    with Runs(tmp_path / "runs.sqlite3") as runs:
        number = runs.add(given)
    with Runs(tmp_path / "runs.sqlite3") as runs:
        found = runs.get(number)
    assert found.pop("id") == number
    assert found.pop("time").endswith("+00:00")
    assert found.pop("tags") == []
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
