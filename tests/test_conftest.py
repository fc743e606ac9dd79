"""The watch on leaked workers sees one: a test of the test bed, run in a pytest of its own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

LEAKY = """
import subprocess, sys
def test_leaks():
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "workbench.hosts.worker"])
def test_after():
    pass
"""


def test_a_worker_that_outlives_its_test_fails_it(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text(encoding="utf-8"))
    (tmp_path / "test_leaky.py").write_text(LEAKY)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        check=False,
    )
    assert ran.returncode == 1, ran.stdout
    assert "1 worker process(es) outlived the test" in ran.stdout
    assert "2 passed, 1 error" in ran.stdout
