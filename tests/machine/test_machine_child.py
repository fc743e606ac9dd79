import sys
from pathlib import Path

import pytest

from workbench.machine.child import run_module, without_paths


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that can be run as `python -P -m told`."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path / "told.py"


def test_documents_are_told_from_noise(module: Path) -> None:
    module.write_text("print('hello'); print('[1]'); print('{\"a\": 1}'); print('{\"a\": 2}'); print('bye')")
    told = run_module("told")
    assert told.documents == ({"a": 1}, {"a": 2})
    assert told.problem is None


def test_a_crash_keeps_what_was_told_before(module: Path) -> None:
    module.write_text("import os; print('{\"a\": 1}', flush=True); os.abort()")
    told = run_module("told")
    assert told.documents == ({"a": 1},)
    assert told.problem is not None
    assert "status" in told.problem


def test_the_problem_is_the_last_line_without_folders(module: Path) -> None:
    module.write_text("raise OSError('/home/ann/venv/lib/libtorch_cuda.so: undefined symbol')")
    assert run_module("told").problem == "OSError: libtorch_cuda.so: undefined symbol"


def test_arguments_and_environment_arrive(module: Path) -> None:
    module.write_text("import json, os, sys; print(json.dumps({'a': sys.argv[1:], 'e': os.environ['WB_X']}))")
    assert run_module("told", ["--x", "1"], {"WB_X": "y"}).documents == ({"a": ["--x", "1"], "e": "y"},)


def test_a_program_that_hangs_is_ended(module: Path) -> None:
    module.write_text("import time; print('{\"a\": 1}', flush=True); time.sleep(600)")
    told = run_module("told", timeout_s=3.0)
    assert told.documents == ({"a": 1},)
    assert told.problem == "no answer within 3 s"


def test_a_python_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    told = run_module("told")
    assert told.documents == ()
    assert told.problem is not None
    assert "/no/" not in told.problem


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("cannot open /a/b/c.so: x", "cannot open c.so: x"),
        ("'C:\\Users\\Ann\\x.dll' is missing", "'x.dll' is missing"),
        ("see https://pytorch.org/get-started for more", "see https://pytorch.org/get-started for more"),
        ("and/or 3/4", "and/or 3/4"),
        ("no path", "no path"),
    ],
)
def test_without_paths(text: str, without: str) -> None:
    assert without_paths(text) == without
