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
