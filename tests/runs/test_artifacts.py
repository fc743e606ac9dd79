"""Artifacts are whole or not there."""

from pathlib import Path

import pytest

from workbench.errors import StoreError
from workbench.runs import artifact, write_artifact, writing_artifact


def test_an_artifact_is_written_and_replaced(workbench_home: Path) -> None:
    assert write_artifact("trace-1.json", b"one") == workbench_home / "artifacts" / "trace-1.json"
    write_artifact("trace-1.json", b"two")
    assert artifact("trace-1.json").read_bytes() == b"two"
    assert [path.name for path in (workbench_home / "artifacts").iterdir()] == ["trace-1.json"]


def test_a_write_that_breaks_off_leaves_the_older_one(workbench_home: Path) -> None:
    write_artifact("logits.bin", b"whole")

    def break_off() -> None:
        with writing_artifact("logits.bin") as path:
            path.write_bytes(b"ha")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert artifact("logits.bin").read_bytes() == b"whole"
    assert [path.name for path in (workbench_home / "artifacts").iterdir()] == ["logits.bin"]


@pytest.mark.parametrize("name", ["", "../secret", "a/b", ".hidden", "a\\b", "/etc/passwd", "x" * 201, "a\nb"])
def test_a_name_that_could_leave_the_folder_is_refused(workbench_home: Path, name: str) -> None:
    with pytest.raises(StoreError) as caught:
        write_artifact(name, b"")
    assert caught.value.code == "runs.bad_artifact_name"


def test_a_refusing_disk_is_named(workbench_home: Path) -> None:
    (workbench_home / "artifacts").touch()  # a file where the folder should be
    with pytest.raises(StoreError, match=r"trace\.json could not be written"):
        write_artifact("trace.json", b"")
