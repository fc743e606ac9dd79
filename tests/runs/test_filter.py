"""What runs are found by: every condition, alone and together, in new stores and in those of older versions."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

import workbench as wb
from tests.runs.records import measured, record
from workbench.errors import ConfigError, StoreError
from workbench.runs import Runs, schema


def numbers(found: list[dict[str, Any]]) -> list[int]:
    return [run["id"] for run in found]


@pytest.fixture
def runs(tmp_path: Path) -> Any:
    """1, 2: measurements; 3: of another model and machine; 4: no measurement; 5: no config."""
    with Runs(tmp_path / "s") as store:
        store.add(measured(model="demo", decode_tps=10.0, attention="eager", dtype="float32"))
        store.add(measured(model="demo", decode_tps=20.0, attention="sdpa", dtype="bfloat16", stop_strings=["。"]))
        store.add(measured(model="other", decode_tps=30.0, attention="sdpa", dtype="float16", machine="big iron"))
        store.add(record(kind="quality", model="demo", attention="sdpa"))
        store.add({"schema": "workbench.endpoint/1", "model": None, "result": None})
        yield store


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [5, 4, 3, 2, 1]),
        ({"kind": "measurement"}, [3, 2, 1]),
        ({"kind": ["quality", "endpoint"]}, [5, 4]),
        ({"model": "demo"}, [4, 2, 1]),
        ({"model": ["demo", "other"], "kind": "measurement"}, [3, 2, 1]),
        ({"machine": "big iron"}, [3]),
        ({"knobs": {"attention": "sdpa"}}, [4, 3, 2]),
        ({"knobs": {"attention": "sdpa", "dtype": ["float32", "bfloat16"]}}, [2]),
        ({"knobs": {"attention": ["sdpa", "eager"]}, "model": "demo"}, [4, 2, 1]),
        ({"knobs": {"stop_strings": ("。",)}}, [2]),
        ({"knobs": {"attention": "flex_attention"}}, []),
        ({"metrics": {"decode_tps": (15, None)}}, [3, 2]),
        ({"metrics": {"decode_tps": (None, 20.0)}}, [2, 1]),
        ({"metrics": {"decode_tps": (15, 25), "peak_bytes": (1, None)}}, [2]),
        ({"metrics": {"joules_per_token": (None, None)}}, []),
        ({"kind": "measurement", "limit": 2}, [3, 2]),
        ({"kind": []}, []),
    ],
)
def test_what_is_asked_for_is_found_newest_first(runs: Runs, asked: dict[str, Any], expected: list[int]) -> None:
    assert numbers(runs.filter(**asked)) == expected
    if "limit" not in asked:
        assert runs.count(**asked) == len(expected)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"colour": "red"}, "runs.unknown_filter"),
        ({"knobs": {"atention": "sdpa"}}, "config.unknown_knob"),
        ({"knobs": {"attention": ["sdpa", "spda"]}}, "config.unknown_value"),
        ({"metrics": {"speed": (1, 2)}}, "runs.unknown_metric"),
        ({"metrics": {"decode_tps": 5}}, "runs.bad_bounds"),
        ({"since": "yesterday"}, "runs.no_time"),
    ],
)
def test_what_does_not_exist_is_named(runs: Runs, asked: dict[str, Any], code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        runs.filter(**asked)
    assert caught.value.code == code


def test_times_are_compared_whatever_their_zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = [datetime(2026, 3, day, 12, tzinfo=UTC) for day in (3, 1, 2)]  # the clock was set back

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return moments.pop(0).astimezone(tz)

    monkeypatch.setattr("workbench.runs.store.datetime", Clock)
    with Runs(tmp_path / "s") as runs:
        for number in range(3):
            runs.add(record(number))
        assert numbers(runs.filter()) == [1, 3, 2]
        assert numbers(runs.filter(since="2026-03-02")) == [1, 3]
        assert numbers(runs.filter(until="2026-03-02")) == [2]
        assert numbers(runs.filter(since="2026-03-01T12:00:00.001", until="2026-03-03T12:00")) == [3]
        noon = datetime(2026, 3, 1, 14, tzinfo=timezone(timedelta(hours=2)))
        assert numbers(runs.filter(since=noon, until=noon + timedelta(seconds=1))) == [2]


def test_a_model_is_found_by_what_opens_it(runs: Runs, tmp_path: Path) -> None:
    folder = tmp_path / "my-model"
    folder.mkdir()
    demo, mine = runs.add(measured(model="SmolLM2-135M-Instruct")), runs.add(measured(model="my-model"))
    assert numbers(runs.filter(model="demo")) == [demo, 4, 2, 1]
    assert numbers(runs.filter(model=["SmolLM2-135M-Instruct", str(folder)])) == [mine, demo]


def test_a_record_from_before_a_knob_has_its_default(runs: Runs) -> None:
    older = measured(model="old")
    del older["config"]["allocator"]
    number = runs.add(older)
    assert number in numbers(runs.filter(knobs={"allocator": "default"}))
    assert number not in numbers(runs.filter(knobs={"allocator": "expandable_segments"}))
    assert 5 not in numbers(runs.filter(knobs={"allocator": "default"}))  # that one has no config at all


def test_tags_name_runs(runs: Runs) -> None:
    runs.tag(1, "baseline", "sweep:7")
    runs.tag(2, "sweep:7")
    runs.tag(2, "sweep:7")
    assert runs.tags() == {"baseline": 1, "sweep:7": 2}
    assert runs.get(1)["tags"] == ["baseline", "sweep:7"]
    assert numbers(runs.filter(tag="sweep:7")) == [2, 1]
    assert numbers(runs.filter(tag=["baseline", "nothing"])) == [1]
    assert numbers(runs.filter(tag="sweep:7", untagged="baseline")) == [2]
    runs.untag(1, "sweep:7", "never there")
    assert runs.get(1)["tags"] == ["baseline"]
    with pytest.raises(StoreError, match="no run 99"):
        runs.tag(99, "x")
    for bad in ("", "two words", "x" * 65, "-x", "a\nb", "a,b"):
        with pytest.raises(ConfigError, match="cannot be a tag"):
            runs.tag(1, bad)


def test_several_are_deleted_only_when_named(runs: Runs) -> None:
    runs.tag(2, "keep")
    with pytest.raises(StoreError) as caught:
        runs.delete()
    assert caught.value.code == "runs.delete_what"
    with pytest.raises(StoreError):
        runs.delete(kind=None, model=None)
    assert runs.count() == 5
    assert runs.delete(kind="measurement", untagged="keep") == 2
    assert numbers(runs.filter()) == [5, 4, 2]
    assert runs.delete(kind="measurement", model="nobody") == 0
    assert runs.delete(4) == 1
    assert runs.delete(everything=True) == 2
    assert (runs.count(), runs.tags()) == (0, {})
    assert runs._connection is not None
    for table in ("documents", "numbers", "tags"):  # nothing of them stays behind
        assert runs._connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    assert runs.add(record()) == 6


def test_groups_count_and_tell_the_best_and_the_middle(runs: Runs) -> None:
    runs.add(measured(model="demo", decode_tps=40.0, attention="sdpa", dtype="bfloat16"))
    by_model = {group.value: group.runs for group in runs.group("model")}
    assert by_model == {"demo": 4, "other": 1, None: 1}
    best, second, *rest = runs.group("attention", "decode_tps", kind="measurement")
    assert (best.value, best.runs, best.measured, best.best, best.best_run, best.median) == ("sdpa", 3, 3, 40.0, 6, 30)
    assert (second.value, second.best, second.median, rest) == ("eager", 10.0, 10.0, [])
    (lowest, *_) = runs.group("dtype", "peak_bytes", kind="measurement", model="demo")
    assert lowest.best == measured()["result"]["peak_bytes"]
    assert [group.value for group in runs.group("stop_strings", kind="measurement")] == [[], ["。"]]
    assert runs.group("kind", "decode_tps")[-1].best is None
    for by, metric in (("colour", None), ("kind", "speed")):
        with pytest.raises(ConfigError):
            runs.group(by, metric)


def old_store(path: Path, version: int, documents: list[dict[str, Any]]) -> None:
    """As a workbench of that version left it."""
    old = sqlite3.connect(path)
    for step in schema.MIGRATIONS[:version]:
        step(old)
    for day, document in enumerate(documents, start=1):
        values = (f"2026-01-{day:02}T00:00:00.000+00:00", "measurement", document["model"], json.dumps(document))
        old.execute("INSERT INTO runs (time, kind, model, document) VALUES (?, ?, ?, ?)", values)
    old.execute("DELETE FROM runs WHERE id = ?", (len(documents),))
    old.execute(f"PRAGMA user_version = {version}")
    old.commit()
    old.close()


@pytest.mark.parametrize("version", [1, 2])
def test_records_of_an_older_store_are_found_by_what_is_new(tmp_path: Path, version: int) -> None:
    given = [
        measured(attention="eager", decode_tps=10.0, machine="old box"),
        measured(attention="sdpa", decode_tps=20.0),
        measured(),
    ]
    old_store(tmp_path / "s", version, given)
    with Runs(tmp_path / "s") as runs:
        assert numbers(runs.filter(knobs={"attention": "eager"})) == [1]
        assert numbers(runs.filter(machine="old box", until="2026-01-02")) == [1]
        assert numbers(runs.filter(metrics={"decode_tps": (15, 25)})) == [2]
        assert {name: part for name, part in runs.get(1).items() if name not in ("id", "time", "tags")} == given[0]
        assert runs.get(1)["time"] == "2026-01-01T00:00:00.000+00:00"
        runs.tag(2, "kept")
        assert runs.add(measured()) == 4  # 3 was deleted: its number is not used again
    with Runs(tmp_path / "s") as runs:
        assert numbers(runs.list(config=wb.Config(**given[1]["config"]))) in ([2], [4, 2])
        assert numbers(runs.filter(tag="kept")) == [2]


def test_a_record_from_before_there_was_a_knob_had_it_at_its_default(tmp_path: Path) -> None:
    whole = wb.Config(threads=1)
    before = {name: value for name, value in whole.to_dict().items() if name not in ("quantize_head", "tf32")}
    with Runs(tmp_path / "s") as runs:
        runs.add({**measured(), "config": before})
        runs.add({**measured(), "config": whole.to_dict()})
        runs.add({**measured(), "config": whole.replace(tf32=True).to_dict()})
        runs.add({**measured(), "config": {name: value for name, value in before.items() if name != "threads"}})
        assert numbers(runs.filter(config=whole)) == [2, 1]
        assert numbers(runs.filter(config=before)) == [2, 1]
        assert numbers(runs.filter(config=whole.replace(tf32=True))) == [3]
        assert numbers(runs.filter(config=wb.Config())) == [4]
        assert numbers(runs.filter(config=whole.replace(quantize_head=True))) == []


def test_an_old_store_with_a_damaged_record_says_so_and_stays(tmp_path: Path) -> None:
    old_store(tmp_path / "s", 2, [measured(), measured()])
    old = sqlite3.connect(tmp_path / "s")
    old.execute("UPDATE runs SET document = '{\"schema\": '")
    old.commit()
    old.close()
    with pytest.raises(StoreError) as caught:
        Runs(tmp_path / "s")
    assert caught.value.code == "runs.damaged"
    old = sqlite3.connect(tmp_path / "s")
    assert schema.version(old) == 2
    assert old.execute("SELECT document FROM runs").fetchone() == ('{"schema": ',)
    old.close()


def test_thousands_are_found_exactly(tmp_path: Path) -> None:
    attentions, dtypes = ("eager", "sdpa"), ("float32", "bfloat16", "float16")
    with Runs(tmp_path / "s") as runs:
        one, given = record(), []
        for number in range(3000):
            knobs = {"attention": attentions[number % 2], "dtype": dtypes[number % 3], "top_k": number % 50}
            given.append({**one, "model": f"model-{number % 7}", "config": {**one["config"], **knobs}})
        expected = [
            number
            for number, made in zip(runs.add_all(given), given, strict=True)
            if made["model"] == "model-3"
            and made["config"]["attention"] == "sdpa"
            and made["config"]["dtype"] != "float16"
        ]
        found = runs.filter(
            kind="measurement",
            model="model-3",
            knobs={"attention": "sdpa", "dtype": ["float32", "bfloat16"]},
            limit=None,
        )
        assert numbers(found) == expected[::-1]
        assert len(expected) > 100
        assert sum(group.runs for group in runs.group("top_k")) == 3000
        assert runs.delete(knobs={"dtype": "float16"}) == 1000
        assert runs.count() == 2000
        with pytest.raises(StoreError, match="not a record"):
            runs.add_all([record(), {"result": "no schema"}])
        assert runs.count() == 2000
