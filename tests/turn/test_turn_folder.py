"""The folder of locks: hostile files and notes, folders that cannot be used, one place for all users."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.turn.turns import HOLDER, NOBODY, Other, is_free, running
from workbench import turn

HOSTILE: dict[str, Callable[[Path], object]] = {
    "a link": lambda path: path.symlink_to("/etc/passwd"),
    "a link to nothing": lambda path: path.symlink_to(path.with_suffix(".elsewhere")),
    "a folder": lambda path: path.mkdir(),
    "a pipe": lambda path: os.mkfifo(path),
    "a file that may not be read": lambda path: path.touch(mode=0),
}


@pytest.mark.skipif(sys.platform == "win32", reason="no such files there")
@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("name", ["cpu.lock", "cpu.next"])
def test_hostile_files_cost_the_lock_and_nothing_else(
    kind: str, name: str, locks: Path, others: Callable[..., Other]
) -> None:
    if os.geteuid():
        pytest.skip("only root can be two users")
    locks.mkdir()
    locks.chmod(0o1777)
    HOSTILE[kind](locks / name)
    before = Path("/etc/passwd").read_bytes()
    heard = others(HOLDER, "cpu", uid=NOBODY).hears()
    assert heard.startswith("no lock timed runs of other users are not waited for")
    assert heard.endswith("WORKBENCH_LOCKS names another")
    assert not (locks / name).with_suffix(".elsewhere").exists()
    assert Path("/etc/passwd").read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="no such files there")
def test_hostile_notes_name_nobody(locks: Path, others: Callable[..., Other]) -> None:
    other = others(HOLDER, "cpu")
    assert other.hears() == "in"
    (note,) = locks.glob("*.json")
    note.unlink()
    (locks / "cpu.0.json").symlink_to("/etc/passwd")
    os.mkfifo(locks / "cpu.1.json")
    (locks / "cpu.2.json").mkdir()
    (locks / "cpu.3.json").write_text("{")
    assert running("cpu").to_dict() == {"device": "cpu", "notebook": "?", "pid": 0, "ours": False}
    import fcntl

    with (locks / "cpu.4.json").open("w+") as forged:
        forged.write('{"pid": 7, "notebook": "<b>\\u0000\\u202eevil' + 5000 * "x" + '"}')
        forged.flush()
        fcntl.flock(forged, fcntl.LOCK_EX)
        assert running("cpu").notebook == "?"  # longer than any note
        forged.truncate(0)
        forged.seek(0)
        forged.write('{"pid": 7, "notebook": "<b>\\u0000\\u202eevil"}')
        forged.flush()
        found = running("cpu")
        assert found.notebook.isprintable()
        assert len(found.notebook) <= 60


@pytest.mark.skipif(sys.platform == "win32", reason="other rights there")
@pytest.mark.parametrize("kind", ["a file", "a link", "closed", "read-only"])
def test_a_folder_that_cannot_be_used_is_told_and_stops_nobody(
    kind: str, locks: Path, others: Callable[..., Other]
) -> None:
    if os.geteuid():
        pytest.skip("only root can be two users")
    match kind:
        case "a file":
            locks.touch()
        case "a link":
            locks.symlink_to("/etc")
        case "closed":
            locks.mkdir(mode=0o700)
        case "read-only":
            locks.mkdir(mode=0o755)
    assert others(HOLDER, "cpu", uid=NOBODY).hears().startswith("no lock ")


def test_a_lock_file_that_was_taken_away_is_made_anew_by_who_waits(locks: Path, others: Callable[..., Other]) -> None:
    other = others(HOLDER, "cpu")
    assert other.hears() == "in"
    (locks / "cpu.lock").unlink()
    other.go_on()
    assert other.hears() == "out"
    assert is_free("cpu")
    second = others(HOLDER, "cpu")
    assert second.hears() == "in"
    assert not is_free("cpu")


def test_anybody_may_write_there_and_take_away_what_is_theirs(locks: Path) -> None:
    with turn.taken(["cpu"]):
        pass
    if sys.platform != "win32":
        assert locks.stat().st_mode & 0o7777 == 0o1777
        assert {file.name: file.stat().st_mode & 0o777 for file in locks.iterdir()} == {
            "cpu.lock": 0o444,
            "cpu.next": 0o444,
        }


def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, locks: Path) -> None:
    monkeypatch.setenv(turn.VARIABLE, "off")
    with turn.taken(["cpu"]) as problem:
        assert problem is None
    assert turn.running("cpu") is None
    assert not locks.exists()


def test_without_the_variable_all_users_meet_in_one_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(turn.VARIABLE)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    found = turn.place()
    assert found is not None
    assert found.name == "deepseek-workbench-locks"
    assert tmp_path not in found.parents
