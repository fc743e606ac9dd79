"""workbench runs: every sub-verb, its exit statuses, and one document on stdout."""

import json
from pathlib import Path
from typing import Any

import pytest

import workbench as wb
from tests.runs.records import measured
from workbench.cli import main


@pytest.fixture
def kept(workbench_home: Path) -> Path:
    with wb.Runs() as runs:
        runs.add(measured(model="demo", decode_tps=100.0, attention="eager"))
        runs.add(measured(model="demo", decode_tps=150.0, dtype="bfloat16", machine="big iron"))
        runs.add(measured(model="\x1b[31mred", decode_tps=200.0, dtype="float16"))
    return workbench_home


def said(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """The one document that the command printed."""
    assert main(["runs", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], [3, 2, 1]),
        (["--limit", "1"], [3]),
        (["--model", "demo"], [2, 1]),
        (["--machine", "big iron"], [2]),
        (["--set", "attention=eager"], [1]),
        (["--set", "dtype=bfloat16", "--set", "dtype=float16"], [3, 2]),
        (["--min", "decode_tps=120", "--max", "decode_tps=180"], [2]),
        (["--since", "2020-01-01", "--until", "2020-02-01"], []),
        (["--kind", "quality", "--kind", "measurement"], [3, 2, 1]),
    ],
)
def test_lists_what_is_asked_for(
    kept: Path, capsys: pytest.CaptureFixture[str], words: list[str], expected: list[int]
) -> None:
    document = said(capsys, "list", *words)
    assert document["schema"] == "workbench.runs/1"
    assert [run["id"] for run in document["runs"]] == expected


def test_what_a_terminal_would_obey_is_shown_instead(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "list"]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "␛[31mred" in shown


@pytest.mark.parametrize(
    "words",
    [
        ["list", "--set", "atention=eager"],
        ["list", "--since", "yesterday"],
        ["list", "--min", "decode_tps"],
        ["list", "--min", "speed=5"],
        ["export", "a.xlsx"],
        ["tag", "1", "two words"],
        ["delete", "1", "--model", "demo"],
        ["diff", "1"],
    ],
)
def test_wrong_usage_is_2(kept: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert main(["runs", *words]) == 2
    assert capsys.readouterr().err


@pytest.mark.parametrize("words", [["delete"], ["delete", "9"], ["tag", "9", "x"], ["diff", "1", "9"]])
def test_what_fails_is_1(kept: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert main(["runs", *words]) == 1
    assert capsys.readouterr().err
    with wb.Runs() as runs:
        assert runs.count() == 3


def test_a_diff_shows_parts_ratios_and_what_it_is_not(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "diff", "1", "2"]) == 0
    shown = capsys.readouterr().out
    assert "attention  eager  sdpa" in " ".join(shown.split()).replace("attention eager sdpa", "attention  eager  sdpa")
    assert "run 2 is 1.50× faster than run 1 at decode" in shown
    assert "different machines" in shown
    assert "not paired" in shown
    document = said(capsys, "diff", "1", "2")
    assert document["schema"] == "workbench.runs_diff/1"
    assert document["comparison"]["metrics"]["decode_tps"]["seen"] == "faster"
    assert main(["runs", "diff", "1", "1"]) == 0
    assert "no difference seen at decode" in capsys.readouterr().out


def test_tags_are_given_shown_and_taken(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "tag", "1", "nightly", "fast")["tags"] == ["fast", "nightly"]
    assert [run["id"] for run in said(capsys, "list", "--tag", "nightly")["runs"]] == [1]
    assert main(["runs", "list"]) == 0
    assert "#nightly" in capsys.readouterr().out
    assert said(capsys, "tag", "1", "fast", "--remove")["tags"] == ["nightly"]


def test_runs_go_to_another_home_and_are_deleted_here(
    kept: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.jsonl"
    assert said(capsys, "export", str(file), "--model", "demo")["records"] == 2
    assert main(["runs", "export", str(tmp_path / "t.csv")]) == 0
    assert "3 runs in" in capsys.readouterr().out
    assert said(capsys, "delete", "--model", "demo")["deleted"] == 2
    assert said(capsys, "delete", "3")["deleted"] == 1
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "other"))
    came = said(capsys, "import", str(file), "--source", "lab-b")
    assert (came["numbers"], came["known"]) == ([1, 2], 0)
    assert main(["runs", "import", str(file)]) == 0
    assert "0 new runs" in capsys.readouterr().out
    assert {tuple(run["tags"]) for run in said(capsys, "list")["runs"]} == {("lab-b",)}
    listed = tmp_path / "listed.json"  # what `list --json` prints is an export too
    listed.write_text(json.dumps(said(capsys, "list")))
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "third"))
    assert said(capsys, "import", str(listed))["numbers"] == [1, 2]
    file.write_text(file.read_text()[:-20])
    assert main(["runs", "import", str(file)]) == 1
    assert "the store is as it was" in capsys.readouterr().err
    assert said(capsys, "delete", "--all")["deleted"] == 2
