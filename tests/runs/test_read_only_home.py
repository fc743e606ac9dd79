"""A home that cannot be written: the session works, nothing is kept, and that is said once."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bound import bound

MEASURE = """
import json
import workbench as wb

told = []
work = wb.Workload(prompt_tokens=8, new_tokens=4)
config = wb.Config(dtype="float32", threads=1)
with wb.Session("random:deepseek-llm-7b-base?scale=tiny", config=config) as session:
    session.on("error", lambda event: told.append(event.data.code))
    flags = [[flag.code for flag in session.measure(work, budget_s=1).flags] for _ in range(2)]
    lines = [line.code for line in session.machine.lines]
print(json.dumps({"told": told, "flags": flags, "lines": lines}))
"""


@pytest.mark.model
@pytest.mark.skipif(os.name != "posix", reason="permissions")
def test_a_session_measures_and_says_once_that_nothing_is_kept(tmp_path: Path, demo_models: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "models").symlink_to(demo_models, target_is_directory=True)
    shutil.copy(demo_models.parent / "machine.json", home)
    home.chmod(0o555)
    before = sorted(home.iterdir())
    ran = subprocess.run(
        bound(sys.executable, "-P", "-c", MEASURE),
        env={**os.environ, "WORKBENCH_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert said["told"] == ["runs.read_only"]
    assert [flags[-1] for flags in said["flags"]] == ["session.not_stored"] * 2
    assert "machine.home.read_only" in said["lines"]
    assert sorted(home.iterdir()) == before
