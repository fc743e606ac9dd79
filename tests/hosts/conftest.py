"""One worker with a tiny model for all tests of a file; each test may kill it, the host brings it back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts.openings import ignore, opening
from workbench.hosts.process import ProcessHost


@pytest.fixture(scope="module")
def host(demo_home: Path) -> Iterator[ProcessHost]:
    host = ProcessHost({"HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE"}, None)
    host.call("open", opening(), ignore)
    yield host
    host.close()
