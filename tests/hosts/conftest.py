"""One worker with a tiny model for all tests of a file; each test may kill it, the host brings it back."""

import sys
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


@pytest.fixture
def one_per_device(own_demo_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As people have it: a home of its own, and an engine that has the device is in the way."""
    monkeypatch.delenv("WORKBENCH_WHEN_BUSY")
    monkeypatch.setattr(sys, "argv", ["-c"])  # both sides of the tests count as the same kind of program
