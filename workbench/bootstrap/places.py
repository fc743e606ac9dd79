"""Where things lie: the checkout, its environment, and the programs in an environment on each system."""

import os
from dataclasses import dataclass
from pathlib import Path

WINDOWS = os.name == "nt"


def program(folder: Path, name: str, windows: bool = WINDOWS) -> Path:
    """The program `name` in an environment's folder of programs."""
    return folder / (f"{name}.exe" if windows else name)


def programs(environment: Path, windows: bool = WINDOWS) -> Path:
    """The folder of programs of a virtual environment."""
    return environment / ("Scripts" if windows else "bin")


@dataclass(frozen=True)
class Checkout:
    """A clone of the workbench."""

    root: Path

    @property
    def environment(self) -> Path:
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        return program(programs(self.environment), "python")

    @property
    def project(self) -> Path:
        return self.root / "pyproject.toml"

    @property
    def lock(self) -> Path:
        """The locked versions."""
        return self.root / "constraints.txt"

    @property
    def turn(self) -> Path:
        """The file whose lock says that somebody installs."""
        return self.root / "build" / "install.lock"

    @property
    def test_home(self) -> Path:
        """The home of the tests (converted demo model, runs): never the person's own."""
        return self.root / "build" / "test-home"


def here() -> Checkout:
    """The checkout that this file belongs to."""
    return Checkout(Path(__file__).resolve().parents[2])
