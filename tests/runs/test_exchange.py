"""Runs to a file and back: tables, whole records, another machine's, and files that are not what they say."""

import csv
import getpass
import json
import platform
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import workbench as wb
from tests.runs.records import measured, record
from workbench import results
from workbench.errors import ConfigError, StoreError
from workbench.results import document
from workbench.runs import Runs, exporting, importing

# of every result that is kept in a store
KINDS = {each.kind() for each in vars(results).values() if isinstance(each, type) and issubclass(each, results.Result)}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def runs(tmp_path: Path) -> Any:
    with Runs(tmp_path / "here") as store:
        store.add(measured(model="demo", decode_tps=10.0, attention="eager"))
        store.add(measured(model="demo", decode_tps=20.0, machine="big iron"))
        store.add(record(kind="trace", model="half a pair \ud83d"))
        store.tag(2, "baseline")
        yield store


def test_a_table_has_numbers_with_units_in_their_names(runs: Runs, tmp_path: Path) -> None:
    assert runs.export(tmp_path / "t.csv", kind="measurement") == 2
    first, second = rows(tmp_path / "t.csv")
    assert (first["id"], first["attention"], first["model"], first["tags"]) == ("1", "eager", "demo", "")
    assert (second["machine"], second["tags"], second["attention"]) == ("big iron", "baseline", "sdpa")
    assert float(second["decode_tps"]) == 20.0
    assert (float(second["decode_tps_low"]), float(second["decode_tps_high"])) == (19.8, 20.2)
    assert int(first["peak_bytes"]) == measured()["result"]["peak_bytes"]
    assert (first["prompt_tokens"], first["new_tokens"]) == ("16", "8")
    assert first["time"] == runs.get(1)["time"]
    assert "dtype" not in first  # auto in both, as it is by default
    assert runs.export(tmp_path / "all.csv", every_knob=True) == 3
    assert set(wb.Config()) <= set(rows(tmp_path / "all.csv")[0])


def test_a_table_computes_nothing_when_it_is_opened(tmp_path: Path) -> None:
    with Runs(tmp_path / "s") as runs:
        runs.add(measured(model='=HYPERLINK("http://x")', machine="-1+1", decode_tps=5.0))
        runs.export(tmp_path / "t.csv")
    (row,) = rows(tmp_path / "t.csv")
    assert (row["model"], row["machine"]) == ('\'=HYPERLINK("http://x")', "'-1+1")
    assert row["decode_tps"] == "5.0"


@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_whole_records_come_back_once(runs: Runs, tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"runs.{ending}"
    assert runs.export(file) == 3
    with Runs(tmp_path / "there") as there:
        there.add(measured(model="theirs"))
        came = there.load(file, source="lab-b")
        assert (came.numbers, came.known, came.source) == ((2, 3, 4), 0, "lab-b")
        for number, old in zip(came.numbers, (1, 2, 3), strict=True):
            new = there.get(number)
            assert new.pop("id") == number
            assert "lab-b" in new.pop("tags")
            expected = {name: value for name, value in runs.get(old).items() if name not in ("id", "tags")}
            assert new == expected  # their own time and machine too
        assert there.get(3)["tags"] == ["baseline", "lab-b"]
        assert [run["id"] for run in there.filter(machine="big iron")] == [3]
        again = there.load(file)
        assert (again.numbers, again.known) == ((), 3)
        assert there.count() == 4
    assert runs.load(file).known == 3  # nor into the store it came from


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_result_goes_and_comes(tmp_path: Path, kind: str) -> None:
    """A quick check among them, which notebook 01 writes."""
    file = tmp_path / "runs.jsonl"
    with Runs(tmp_path / "here") as here, Runs(tmp_path / "there") as there:
        here.add({**document("test", result={"a": 1}), "schema": f"workbench.{kind}/1"})
        assert here.export(file) == 1
        if kind in ("measurement", "comparison", "quality"):  # whose shape is looked at
            with pytest.raises(StoreError):
                there.load(file)
        else:
            assert there.load(file).numbers == (1,)


def test_only_what_is_asked_for_is_exported(runs: Runs, tmp_path: Path) -> None:
    assert runs.export(tmp_path / "a.json", tag="baseline") == 1
    (found,) = json.loads((tmp_path / "a.json").read_text())["runs"]
    assert found["id"] == 2
    assert runs.export(tmp_path / "a.json", model="nobody") == 0
    assert json.loads((tmp_path / "a.json").read_text())["runs"] == []
    with Runs(tmp_path / "there") as there:
        assert there.load(tmp_path / "a.json").numbers == ()
    with pytest.raises(ConfigError, match="ending decides"):
        runs.export(tmp_path / "a.xlsx")
    with pytest.raises(StoreError, match="could not be written"):
        runs.export(tmp_path / "nowhere" / "a.csv")


def test_a_write_that_breaks_off_leaves_the_older_file(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.jsonl"
    runs.export(file)
    before = file.read_bytes()
    monkeypatch.setattr(exporting, "_row", lambda _record: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        runs.export(tmp_path / "a.csv")
    first = runs.get(1)
    monkeypatch.setattr(runs, "records", lambda _numbers: iter([first]))  # another process deleted meanwhile
    with pytest.raises(StoreError, match="changed meanwhile"):
        runs.export(file)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".tmp"] == []


def test_a_file_holds_no_name_of_host_or_user_and_no_path(tmp_path: Path) -> None:
    from workbench.machine import doctor

    folder = tmp_path / "models" / "mine"
    folder.mkdir(parents=True)
    config = wb.Config(speculation="assistant", assistant_model=str(folder))
    made = measured()
    with Runs(tmp_path / "s") as runs:
        runs.add(
            document(
                "measurement",
                model="mine",
                machine=doctor(),
                config=config,
                resolved={**made["resolved"], "assistant": str(folder)},
                workload=made["workload"],
                result=made["result"],
            )
        )
        for ending in ("csv", "json", "jsonl"):
            runs.export(tmp_path / f"e.{ending}", every_knob=True)
    for ending in ("csv", "json", "jsonl"):
        written = (tmp_path / f"e.{ending}").read_text(encoding="utf-8")
        assert "mine" in written
        for private in (str(tmp_path), str(Path.home()), str(folder)):
            assert private not in written
        for name in {platform.node(), getpass.getuser()} - {"root", "localhost", ""}:
            assert not re.search(rf"\b{re.escape(name)}\b", written)


def exported(tmp_path: Path, *records: Any) -> Path:
    file = tmp_path / "given.json"
    stored = [{"id": 1, "time": "2026-01-01T00:00:00+00:00", "tags": [], **each} for each in records]
    file.write_text(json.dumps({"schema": "workbench.runs/1", "runs": stored}))
    return file


def without(name: str) -> dict[str, Any]:
    made = measured()
    del made["result"][name]
    return made


HOSTILE: dict[str, tuple[Callable[[], Any], str]] = {
    "newer measurement": (lambda: {**measured(), "schema": "workbench.measurement/2"}, "newer workbench"),
    "newer field": (lambda: {**measured(), "result": {**measured()["result"], "warp": 9}}, "newer workbench"),
    "missing number": (lambda: without("decode_tps"), "decode_tps"),
    "words for a number": (lambda: {**measured(), "result": {**measured()["result"], "decode_tps": "fast"}}, "decode"),
    "unknown sentence": (lambda: measured(flags=[{"code": "no.such.words", "params": {}}]), "no.such.words"),
    "unknown sentence, deep": (
        lambda: {"schema": "workbench.trace/1", "result": [{"a": {"code": "no.such.words", "params": {}}}]},
        "no.such.words",
    ),
    "unfilled sentence": (lambda: measured(flags=[{"code": "flag.shared", "params": {}}]), "cores"),
    "foreign schema": (lambda: {"schema": "../../etc/passwd"}, "no record of a workbench"),
    "no schema": (lambda: {"result": 1}, "no record of a workbench"),
    "newer knob": (lambda: measured(warp="9"), "warp"),
    "value of a newer knob": (lambda: {**record(kind="trace"), "config": {"attention": "psychic"}}, "psychic"),
    "machine of another shape": (lambda: {**measured(), "machine": {"label": "x"}}, "newer workbench"),
    "comparison that is none": (lambda: record(kind="comparison"), "comparison"),
    "a flag that is none": (lambda: {**record(kind="trace"), "flags": ["hot"]}, "newer workbench"),
    "config that is a list": (lambda: {**measured(), "config": [1, 2]}, "its config"),
    "model that is a number": (lambda: {**measured(), "model": 5}, "its model"),
    "time that is none": (lambda: {**measured(), "time": "once upon a time"}, "is no time"),
    "tags that are a word": (lambda: {**measured(), "tags": "abc"}, "its tags"),
    "a tag that is none": (lambda: {**measured(), "tags": ["two words"]}, "cannot be a tag"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_what_it_says_is_refused_whole(tmp_path: Path, name: str) -> None:
    make, said = HOSTILE[name]
    file = exported(tmp_path, measured(), make())
    with Runs(tmp_path / "s") as runs:
        runs.add(record())
        with pytest.raises(StoreError) as caught:
            runs.load(file)
        assert caught.value.code == "runs.import_refused"
        assert said in str(caught.value)
        assert "Record 2" in str(caught.value)
        assert runs.count() == 1  # the first one, which is whole, was not taken either
        assert runs._connection is not None
        assert runs._connection.execute("SELECT count(*) FROM documents").fetchone() == (1,)


@pytest.mark.parametrize(
    ("ending", "data", "said"),
    [
        ("json", b"", "not JSON"),
        ("json", b"\xff\xfe\x00", "not JSON"),
        ("json", b"[" * 200_000, "not JSON"),
        ("json", b"[1, 2]", "no export"),
        ("json", b'{"schema": "workbench.config/1", "config": {}}', "no export"),
        ("json", b'{"schema": "workbench.runs/2", "runs": []}', "newer workbench"),
        ("json", b'{"schema": "workbench.runs/1"}', "which records"),
        ("json", b'{"schema": "workbench.runs/1", "runs": [5]}', "no record of a workbench"),
        ("jsonl", b'{"schema": "workbench.runs/1"}\n', "which records"),
        ("jsonl", b'{"schema": "workbench.runs/1", "records": 2}\n\n', "cut short"),
        ("jsonl", b'{"schema": "workbench.runs/1", "records": 1}\n{"schema": "workb', "not JSON"),
    ],
)
def test_a_file_that_is_none_is_refused_with_words(tmp_path: Path, ending: str, data: bytes, said: str) -> None:
    file = tmp_path / f"given.{ending}"
    file.write_bytes(data)
    with Runs(tmp_path / "s") as runs:
        with pytest.raises(StoreError, match=said):
            runs.load(file)
        assert runs.count() == 0


def test_one_that_was_cut_off_between_two_records_is_noticed(runs: Runs, tmp_path: Path) -> None:
    file = tmp_path / "e.jsonl"
    runs.export(file)
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))
    with Runs(tmp_path / "there") as there:
        with pytest.raises(StoreError, match="holds 2 records and promises 3"):
            there.load(file)
        assert there.count() == 0


def test_what_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "MOST_LINE_BYTES", 2000)
    monkeypatch.setattr(importing, "MOST_DOCUMENT_BYTES", 2000)
    with Runs(tmp_path / "s") as runs:
        with pytest.raises(StoreError, match="larger than"):
            runs.load(exported(tmp_path, measured()))
        (tmp_path / "l.jsonl").write_bytes(b'{"schema": "workbench.runs/1", "records": 1}\n' + b"x" * 5000)
        with pytest.raises(StoreError, match="larger than"):
            runs.load(tmp_path / "l.jsonl")
        with pytest.raises(StoreError, match="cannot be read"):
            runs.load(tmp_path / "nowhere.json")
        with pytest.raises(ConfigError, match="cannot be a tag"):
            runs.load(tmp_path / "l.jsonl", source="two words")


def test_what_sqlite_cannot_hold_breaks_nothing(tmp_path: Path) -> None:
    made = {**record(kind="trace", model="\ud83d"), "result": {"huge": 10**400, "odd": float("inf"), "one": 1}}
    with Runs(tmp_path / "s") as runs:
        runs.load(exported(tmp_path, made))
        assert runs.get(1)["result"]["huge"] == 10**400
        assert runs.filter(model="?")[0]["model"] == "\ud83d"
