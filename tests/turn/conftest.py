"""Other processes, ended with the test, and a folder of locks that other users reach."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.turn.turns import Other
from workbench import turn


@pytest.fixture
def others() -> Iterator[Callable[..., Other]]:
    started: list[Other] = []

    def start(*words: str, **options: object) -> Other:
        started.append(Other(*words, **options))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for other in started:
        other.end()


@pytest.fixture
def locks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that other users reach: pytest's own are closed to them."""
    with tempfile.TemporaryDirectory(prefix="workbench-locks-") as parent:
        Path(parent).chmod(0o1777)
        monkeypatch.setenv(turn.VARIABLE, str(Path(parent) / "locks"))
        yield Path(parent) / "locks"
