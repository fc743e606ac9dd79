import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bound import bound
from workbench.machine.storage import read_storage


def test_a_home_that_does_not_exist_yet_is_judged_by_where_it_would_be(tmp_path: Path) -> None:
    storage = read_storage(tmp_path / "not" / "yet")
    assert storage.writable
    assert storage.free_bytes > 0
    assert storage.file_system is not None
    assert list(tmp_path.iterdir()) == [], "asking makes nothing"


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/shm")
def test_shared_memory_that_is_not_there_counts_nothing(tmp_path: Path) -> None:
    assert read_storage(tmp_path, shm=tmp_path / "none").shm_bytes == 0
    assert (read_storage(tmp_path, shm=tmp_path).shm_bytes or 0) > 0


READ = "from workbench.machine.storage import read_storage; print(read_storage().to_json())"


@pytest.mark.skipif(os.name != "posix", reason="permissions")
def test_a_read_only_home_is_seen(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o555)
    told = subprocess.run(
        bound(sys.executable, "-P", "-c", READ),
        env={**os.environ, "WORKBENCH_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert '"writable": false' in told.stdout
