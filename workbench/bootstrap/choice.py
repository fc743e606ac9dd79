"""Which torch was asked for, and which one pip would take: pip is asked with the person's own settings."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from workbench.bootstrap.builds import BUILDS, TORCH, Build, System, of_pypi
from workbench.errors import WorkbenchError

AS_FOUND = "as-found"


@dataclass(frozen=True)
class Choice:
    """What the person asked for with --torch or WORKBENCH_TORCH.

    asked: empty for nothing. build: the one that was named, or None. arguments: for pip, beside its own settings.
    """

    asked: str = ""
    build: Build | None = None
    arguments: tuple[str, ...] = ()

    @property
    def requirement(self) -> tuple[str, ...]:
        """Names the build exactly, so that another one that is installed already does not pass for it."""
        return (f"torch=={TORCH}+{self.build.label}",) if self.build else ()

    @property
    def torch(self) -> tuple[str, ...]:
        """What pip is told to install it from another index; empty: it comes with everything else."""
        return (*(self.requirement or ("torch",)), *self.arguments) if self.arguments else ()


def parse(asked: str, system: System) -> Choice:
    """`cpu`, `cu126` (a name in PyTorch's index), the address of an index, `as-found`, or nothing.

    WorkbenchError names what is allowed.
    """
    if asked in ("", AS_FOUND):
        return Choice(asked)
    address = asked if re.match(r"(https?|file)://", asked) else BUILDS[asked].url if asked in BUILDS else None
    if address is None:
        raise WorkbenchError("install.unknown_torch", asked=asked, allowed=", ".join([*BUILDS, AS_FOUND]))
    label = address.rstrip("/").rpartition("/")[2]
    # PyTorch's macOS wheels carry no label; those of an index that is not named like one may carry any.
    build = BUILDS.get(label) if system.platform != "darwin" else None
    return Choice(asked, build, ("--extra-index-url", address))


@dataclass(frozen=True)
class Answer:
    """The version that pip would install, or why it could not say."""

    version: str | None
    problem: str = ""

    def build(self, system: System) -> Build | None:
        """The build behind the version; None for a label that nobody has described, or no answer."""
        if self.version is None:
            return None
        label = self.version.partition("+")[2]
        return BUILDS.get(label) if label else of_pypi(system)


def ask_pip(python: Path, choice: Choice) -> Answer:
    """Reads the index page only: a dry run would fetch the wheel itself wherever an index serves no metadata."""
    command = [str(python), "-m", "pip", "index", "versions", "torch", "--disable-pip-version-check", *choice.arguments]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        said = [line for line in ran.stderr.splitlines() if line.strip()]
        return Answer(None, said[-1] if said else f"pip ended with {ran.returncode}")
    return pick(ran.stdout, choice)


def pick(said: str, choice: Choice) -> Answer:
    """The locked version in pip's list; pip lists best first, and takes a labelled build before a bare one."""
    found = re.search(r"^Available versions: (.+)$", said, re.M)
    versions = [version.strip() for version in found[1].split(",")] if found else []
    wanted = [version for version in versions if version.partition("+")[0] == TORCH]
    if choice.build:
        wanted = [version for version in wanted if version.partition("+")[2] == choice.build.label]
    if not wanted:
        return Answer(None, f"no torch {TORCH} among: {', '.join(versions[:5]) or 'nothing'}")
    return Answer(wanted[0])


def installed(python: Path) -> str | None:
    """The version of torch in an environment, or None. The label is in the file's name only when an index gave one."""
    code = "from importlib.metadata import version; print(version('torch'))"
    ran = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=False)
    return ran.stdout.strip() or None if ran.returncode == 0 else None


def holds(present: str, choice: Choice) -> bool:
    """Whether the torch that is installed is the locked one, and the build that was named, if one was."""
    version, _, label = present.partition("+")
    return version == TORCH and (choice.build is None or label == choice.build.label)
