"""The closing summary counts what pytest counted, and a part that died or ran nothing is a failure."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import everything

SUITE = """
import pytest
def test_passes(): pass
def test_fails(): assert False
@pytest.mark.skip
def test_skips(): pass
@pytest.fixture
def broken(): raise OSError
def test_errors(broken): pass
"""


def outcome(folder: Path, source: str) -> everything.Outcome:
    (folder / "test_it.py").write_text(source)
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", str(folder)]
    bare = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # plugins take seconds to load
    status = subprocess.run(command, cwd=folder, env=bare, capture_output=True, check=False).returncode
    return everything.read(report, status)


def test_counts_are_pytests(tmp_path: Path) -> None:
    counted = outcome(tmp_path, SUITE)
    assert (counted.passed, counted.failed, counted.skipped) == (1, 2, 1)


@pytest.mark.parametrize(
    ("source", "remark"),
    [
        ("import os; os._exit(3)", "pytest ended with 3"),
        ("import os\ndef test_dies(): os._exit(0)", "ran nothing"),
        ("", "pytest ended with 5"),
        ("def test_x(: pass", ""),
        ("import pytest\n@pytest.mark.skip\ndef test_only_skips(): pass", "ran nothing"),
    ],
)
def test_a_part_that_died_or_ran_nothing_failed(tmp_path: Path, source: str, remark: str) -> None:
    counted = outcome(tmp_path, source)
    assert counted.failed == 1
    assert counted.passed == 0
    assert counted.remark == remark


def test_the_last_line_is_the_sum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes = {"a": everything.Outcome(passed=3, skipped=1), "b": everything.Outcome(passed=2, failed=1)}
    monkeypatch.setattr(everything, "REPORTS", tmp_path)
    monkeypatch.setattr(everything, "PARTS", {"a": [], "b": []})
    monkeypatch.setattr(everything, "run", outcomes.__getitem__)
    assert everything.main([]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "5 passed, 1 failed, 1 skipped"
    outcomes["b"].failed = 0
    assert everything.main(["a", "b"]) == 0
    assert everything.main(["c"]) == 2


FAILS_ONCE = """
import pathlib
def test_fails_beside_the_other_lane():
    mark = pathlib.Path(__file__).with_name("ran")
    ran = mark.exists()
    mark.touch()
    assert ran
def test_passes(): pass
"""


@pytest.mark.parametrize(("source", "passed", "failed"), [(FAILS_ONCE, 2, 0), ("def test_fails(): assert False", 0, 1)])
def test_what_failed_beside_the_other_lane_runs_once_more_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, passed: int, failed: int
) -> None:
    (tmp_path / "test_it.py").write_text(source)
    monkeypatch.setattr(everything, "REPORTS", tmp_path)
    monkeypatch.setattr(everything, "PARTS", {"part": ["--rootdir", str(tmp_path), str(tmp_path)]})
    first = everything.run("part")
    assert first.failed == 1
    last = everything.once_more("part", first)
    assert (last.passed, last.failed) == (passed, failed)
    assert "test_it::test_fails" in last.remark


def test_many_failures_are_no_matter_of_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(everything, "run", lambda *_given: pytest.fail("it ran again"))
    broken = everything.Outcome(failed=everything.MOST_AGAIN + 1, names=("a::b",) * 9)
    assert everything.once_more("tests", broken) is broken
    died = everything.Outcome(failed=1, remark="pytest ended with 3")
    assert everything.once_more("tests", died) is died


@pytest.mark.parametrize(
    ("part", "case", "file"),
    [
        ("notebooks", "notebooks.04_generation.ipynb::Cell 5", "notebooks/04_generation.ipynb"),
        ("browser", "tests.browser.test_notebook_02::test_compare", "tests/browser/test_notebook_02.py"),
    ],
)
def test_what_builds_on_the_rest_of_its_file_runs_again_with_it(
    monkeypatch: pytest.MonkeyPatch, part: str, case: str, file: str
) -> None:
    asked: list[list[str]] = []

    def run(_name: str, arguments: list[str]) -> everything.Outcome:
        asked.append(arguments)
        return everything.Outcome(passed=18)

    monkeypatch.setattr(everything, "run", run)
    last = everything.once_more(part, everything.Outcome(passed=70, failed=1, names=(case,)))
    assert asked[0] == [*everything.PARTS[part][:-1], file]
    assert (everything.ROOT / file).is_file()
    assert (last.passed, last.failed) == (71, 0)
