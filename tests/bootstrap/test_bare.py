"""Before anything is installed: a bare Python, one that is too old, one that is named, and make."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.bootstrap import pythons

ROOT = Path(__file__).parents[2]
OLD = [python for python in map(shutil.which, ("python3.6", "python3.8", "python3.9", "python3.10")) if python]


def run(*command: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    # a make around the tests hands its own flags down
    ours = ("WORKBENCH_", "PYTHON", "MAKE", "MFLAGS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return subprocess.run(
        command, cwd=folder, env={**kept, **environment}, capture_output=True, text=True, check=False, timeout=60
    )


BARE = """
import contextlib, json, sys
from workbench.bootstrap.main import main
with contextlib.suppress(SystemExit):
    main(["--help"])
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def test_a_bare_python_can_say_what_there_is() -> None:
    ran = run(sys.executable, "-S", "-c", BARE)
    assert ran.returncode == 0, ran.stderr
    assert "JupyterLab on this machine" in ran.stdout
    loaded = json.loads(ran.stderr)
    assert "workbench.words.install" in loaded
    rooms = {name.split(".")[1] for name in loaded if name.startswith("workbench.")}
    assert rooms == {"bootstrap", "words", "errors"}
    known = {*sys.stdlib_module_names, "__main__", "workbench"}
    assert {name.partition(".")[0] for name in loaded} <= known


def test_a_usage_error_is_status_2() -> None:
    ran = run(sys.executable, "-m", "workbench.bootstrap", "lunch")
    assert ran.returncode == 2
    assert "invalid choice" in ran.stderr
    ran = run(sys.executable, "-m", "workbench.bootstrap", "install", "--prot", "9000")
    assert ran.returncode == 2
    assert "install takes no further words: --prot 9000" in ran.stderr


@pytest.mark.parametrize("name", ["__init__", "__main__", "pythons"])
def test_what_an_old_python_meets_first_it_can_read(name: str) -> None:
    source = (ROOT / "workbench" / "bootstrap" / f"{name}.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 6))
    ast.parse((ROOT / "workbench" / "__init__.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def test_a_python_that_does_not_fit_finds_another_or_says_so_in_one_line() -> None:
    tried = [python for python in OLD if run(python, "-c", "").returncode == 0]  # a shim may stand for nothing
    for old in tried:
        assert "JupyterLab on this machine" in run(old, "-m", "workbench.bootstrap", "--help").stdout
        named = run(old, "-m", "workbench.bootstrap", "--help", PYTHON="/nowhere/python")
        assert named.returncode == 1
        assert len(named.stderr.splitlines()) == 1
        assert "needs Python 3.11, 3.12 or 3.13; /nowhere/python is none" in named.stderr
    if not tried:
        pytest.skip("no older Python on the path to try")


def test_a_candidate_that_cannot_make_environments_is_named(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.write_text("#!/bin/sh\nprintf 'bare\\n3.12\\n/usr/bin/python3\\n'\n")
    bare.chmod(0o755)
    with pytest.raises(pythons.NoPython, match=r"/usr/bin/python3 cannot make virtual environments: .*python3-venv"):
        pythons.find(str(bare), windows=False)
    assert pythons.find(sys.executable, windows=False) == sys.executable


@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
def test_make_takes_the_same_road() -> None:
    ran = run("make", "help")
    assert ran.stdout == run(sys.executable, "-m", "workbench.bootstrap", "--help").stdout
    none = run("make", "help", "PYTHON=/nowhere/python")
    assert none.returncode == 2
    assert "needs Python 3.11, 3.12 or 3.13; /nowhere/python is none: install one" in none.stderr


def test_without_any_python_make_says_so_in_one_line() -> None:
    ran = run("/bin/sh", "tools/python.sh", "-V", PATH="/nowhere")
    assert ran.returncode == 1
    assert ran.stderr.startswith("The workbench needs Python 3.11, 3.12 or 3.13: install one")
    assert len(ran.stderr.splitlines()) == 1


def test_an_existing_environment_is_used_as_it_is(tmp_path: Path) -> None:
    ran = run(sys.executable, "-m", "workbench.bootstrap", "install", WORKBENCH_PYTHON=sys.executable)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == f"Using {sys.executable} as it is: WORKBENCH_PYTHON names it.\n"


def test_what_an_existing_environment_lacks_is_named_with_the_command(tmp_path: Path) -> None:
    from tests.bootstrap.index import checkout

    place = checkout(tmp_path / "clone")
    words = ("-m", "workbench.bootstrap", "install")
    ran = run(sys.executable, *words, folder=place, WORKBENCH_PYTHON=sys.executable)
    assert ran.returncode == 1
    assert "lacks: tiny-part>=1\n" in ran.stderr
    assert f"{sys.executable} -m pip install -c constraints.txt 'tiny-part>=1'" in ran.stderr
    assert "torch" not in ran.stderr.partition("lacks:")[2]
    (place / "pyproject.toml").write_text(
        '[project]\ndependencies = ["pip>=1"]\n[project.optional-dependencies]\ndemo = []\n'
    )
    found = run(sys.executable, *words, folder=place, WORKBENCH_PYTHON=sys.executable)
    assert found.returncode == 0, found.stderr
    assert f"The workbench comes from {place}, through PYTHONPATH." in found.stderr
    nowhere = run(sys.executable, *words, folder=place, WORKBENCH_PYTHON="/nowhere/python")
    assert "/nowhere/python, which does not start" in nowhere.stderr
    assert not (place / ".venv").exists()
