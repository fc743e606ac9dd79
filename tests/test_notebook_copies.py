"""Copies of the notebooks: a student's own, in another language, and back to how they came."""

import json
from pathlib import Path

import nbformat
import pytest

from workbench import cli, notebooks
from workbench.errors import StoreError, WorkbenchError
from workbench.notebooks import ORIGINALS, copies, prose_of
from workbench.words import languages

NAMES = sorted(path.name for path in ORIGINALS.glob("*.ipynb"))


def cells(path: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return found


def test_copies_are_made_and_a_student_keeps_what_was_done(tmp_path: Path) -> None:
    assert [path.name for path in copies(tmp_path / "me")] == NAMES
    first = tmp_path / "me" / NAMES[0]
    assert first.read_bytes() == (ORIGINALS / NAMES[0]).read_bytes()
    first.write_text("mine", encoding="utf-8")
    copies(tmp_path / "me")
    assert first.read_text(encoding="utf-8") == "mine"


def test_what_a_run_left_in_the_original_is_not_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """JupyterLab saves by itself, into the notebooks that the trainer has run."""
    run = tmp_path / "run"
    run.mkdir()
    clean = (ORIGINALS / NAMES[0]).read_text(encoding="utf-8")
    whole = json.loads(clean)
    answer = {"output_type": "stream", "name": "stdout", "text": ["the answer"]}
    for cell in whole["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"execution_count": 7, "outputs": [answer]}
    whole["metadata"]["widgets"] = {"state": {}}
    (run / NAMES[0]).write_text(json.dumps(whole), encoding="utf-8")
    monkeypatch.setattr(notebooks, "ORIGINALS", run)
    (copy,) = copies(tmp_path / "me")
    assert copy.read_text(encoding="utf-8") == clean


def test_a_reset_loses_nothing(tmp_path: Path) -> None:
    copies(tmp_path)
    (tmp_path / NAMES[0]).write_text("mine", encoding="utf-8")
    copies(tmp_path, reset=True)
    assert (tmp_path / NAMES[0]).read_bytes() == (ORIGINALS / NAMES[0]).read_bytes()
    (aside,) = tmp_path.glob("before *")
    assert (aside / NAMES[0]).read_text(encoding="utf-8") == "mine"
    assert len(list(aside.iterdir())) == len(NAMES)


@pytest.mark.parametrize("name", [name for name in languages() if name != "en"])
@pytest.mark.parametrize("notebook", NAMES)
def test_every_cell_of_prose_has_its_translation_and_no_other(name: str, notebook: str) -> None:
    own = {cell["id"] for cell in cells(ORIGINALS / notebook) if cell["cell_type"] == "markdown"}
    said = prose_of(name, notebook.removesuffix(".ipynb"))
    assert set(said) == own
    assert all(said.values())


def test_in_chinese_the_prose_changes_and_the_code_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_LANG", "zh")
    for path in copies(tmp_path):
        nbformat.validate(nbformat.read(path, as_version=4))
        pairs = list(zip(cells(path), cells(ORIGINALS / path.name), strict=True))
        assert all(a == b for a, b in pairs if a["cell_type"] == "code")
        assert all(a["source"] != b["source"] for a, b in pairs if a["cell_type"] == "markdown")


def test_the_originals_are_safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreError, match="holds the originals"):
        copies(ORIGINALS, reset=True)
    file = tmp_path / "file"
    file.write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match="could not be copied"):
        copies(file)
    monkeypatch.setattr(notebooks, "ORIGINALS", tmp_path / "none")
    with pytest.raises(WorkbenchError, match="no notebooks to copy"):
        copies(tmp_path / "me")


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["notebooks", str(tmp_path / "me"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == [str(tmp_path / "me" / name) for name in NAMES]
    assert cli.main(["notebooks", str(ORIGINALS)]) == 1
