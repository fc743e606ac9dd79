"""Configurations saved by name."""

from pathlib import Path

import pytest

from workbench.config import Config
from workbench.errors import ConfigError, StoreError
from workbench.saved import save, saved


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    return tmp_path


def test_what_is_saved_comes_back_and_is_replaced(home: Path) -> None:
    assert saved() == {}
    path = save("fast 1", Config(attention="eager"))
    assert Config.from_json(path.read_text(encoding="utf-8")).attention == "eager"
    save("fast 1", Config(threads=1))
    save("快", Config())
    assert saved() == {"fast 1": Config(threads=1), "快": Config()}
    assert not list(home.rglob("*.tmp"))


@pytest.mark.parametrize("name", ["", " ", "../up", "a/b", "a\\b", ".hidden", "x" * 61, "end.", "a\nb", "nul\0"])
def test_a_name_that_makes_no_file_is_refused(home: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be a configuration's name"):
        save(name, Config())
    assert not list(home.rglob("*.json"))


def test_a_file_that_cannot_be_read_is_left_alone(home: Path) -> None:
    save("good", Config())
    bad = home / "configs" / "bad.json"
    bad.write_text("{", encoding="utf-8")
    assert list(saved()) == ["good"]
    assert bad.exists()


def test_a_disk_that_refuses_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("", encoding="utf-8")
    monkeypatch.setenv("WORKBENCH_HOME", str(file))
    with pytest.raises(StoreError, match="could not be saved"):
        save("name", Config())
