import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.machine import cache


def test_kept_by_key(workbench_home: Path) -> None:
    assert cache.store("torch", {"torch": "2.13.0"}, {"a": 1}) is None
    assert cache.store("threads", "k", [1]) is None
    assert cache.load("torch", {"torch": "2.13.0"}) == {"a": 1}
    assert cache.load("torch", {"torch": "2.14.0"}) is None
    assert cache.load("threads", "k") == [1]
    names = sorted(path.name for path in workbench_home.iterdir())
    assert names == ["machine.json", "machine.json.lock"], "no temporary file may stay"


@pytest.mark.parametrize(
    "damage",
    ["", "{", "[]", "null", "\x00\x01", json.dumps({"schema": "workbench.machine-cache/9", "sections": {"a": {}}}),
     json.dumps({"schema": cache.SCHEMA, "sections": []}), json.dumps({"schema": cache.SCHEMA, "sections": {"a": 3}})],
)  # fmt: skip
def test_a_damaged_file_is_found_out_again_and_replaced(workbench_home: Path, damage: str) -> None:
    (workbench_home / "machine.json").write_text(damage)
    assert cache.load("a", "k") is None
    assert cache.store("a", "k", "v") is None
    assert cache.load("a", "k") == "v"


def test_bytes_that_are_no_text(workbench_home: Path) -> None:
    (workbench_home / "machine.json").write_bytes(b"\xff\xfe{}")
    assert cache.load("a", "k") is None


def test_a_home_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "file" / "home"))
    problem = cache.store("a", "k", "v")
    assert problem is not None
    assert problem.code == "machine.disk.not_kept"
    assert str(tmp_path) not in str(problem)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_leaves_the_old_file_and_no_rest(workbench_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.store("a", "k", "v")

    def on_a_full_disk(**_where: object) -> tuple[int, str]:
        temporary = workbench_home / "rest"
        temporary.touch()
        return os.open("/dev/full", os.O_WRONLY), str(temporary)

    monkeypatch.setattr(cache.tempfile, "mkstemp", on_a_full_disk)
    problem = cache.store("a", "k", "w")
    assert problem is not None
    assert "No space left" in str(problem)
    assert cache.load("a", "k") == "v"
    assert sorted(path.name for path in workbench_home.iterdir()) == ["machine.json", "machine.json.lock"]


def test_writers_in_several_processes_lose_no_section(workbench_home: Path) -> None:
    write = "import sys; from workbench.machine import cache; cache.store(sys.argv[1], 'k', list(range(5000)))"
    names = [f"section-{index}" for index in range(6)]
    writers = [subprocess.Popen([sys.executable, "-P", "-c", write, name]) for name in names]
    assert [writer.wait(60) for writer in writers] == [0] * len(names)
    assert all(cache.load(name, "k") == list(range(5000)) for name in names)
