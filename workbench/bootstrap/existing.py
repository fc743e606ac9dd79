"""An environment that exists already, named by WORKBENCH_PYTHON: used as it is, checked, and never changed."""

import json
import os
import shlex
import subprocess
import tomllib
from collections.abc import Sequence
from pathlib import Path

from workbench.bootstrap import pythons
from workbench.bootstrap.places import WINDOWS, Checkout
from workbench.errors import WorkbenchError
from workbench.words import text

# Asked of that Python: which of the requirements it does not meet, and where it would take `workbench` from.
_CHECK = """
import importlib.metadata, importlib.util, json, sys
try:
    from packaging.requirements import Requirement
except ImportError:
    from pip._vendor.packaging.requirements import Requirement
lacking = []
for line in json.loads(sys.argv[1]):
    wanted = Requirement(line)
    if wanted.marker and not wanted.marker.evaluate():
        continue
    try:
        found = importlib.metadata.version(wanted.name)
    except importlib.metadata.PackageNotFoundError:
        found = ""
    if not found or not wanted.specifier.contains(found, prereleases=True):
        lacking.append([line, found])
spec = importlib.util.find_spec("workbench")
print(json.dumps({"lacking": lacking, "workbench": spec.origin if spec else None}))
"""
_VERSION = "import sys; print(*sys.version_info[:2])"

# What each layer means for an environment that we do not install.
_EXTRAS = {"base": (), "tools": ("dev",), "demo": ("demo",), "quant": ("quant",), "ray": ("ray",)}


def requirements(project: Path, layers: Sequence[str]) -> list[str]:
    """The requirements of pyproject.toml that these layers stand for."""
    table = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    wanted = list(table["dependencies"])
    for layer in layers:
        for extra in _EXTRAS[layer]:
            wanted += table["optional-dependencies"][extra]
    return wanted


def check(named: str, checkout: Checkout, layers: Sequence[str]) -> tuple[Path, dict[str, str]]:
    """(its Python, what to set in the surroundings so that it finds the workbench).

    WorkbenchError: no Python there, a version that does not fit, or packages that are missing, with the command.
    """
    python = Path(named).expanduser()
    version = _ask(python, _VERSION)
    if version is None:
        raise WorkbenchError("install.existing_none", python=named)
    if not pythons.fits(tuple(int(part) for part in version.split())):
        raise WorkbenchError(
            "install.existing_version", python=named, found=version.replace(" ", "."), wanted=pythons.WANTED
        )
    wanted = requirements(checkout.project, layers)
    said = _ask(python, _CHECK, json.dumps(wanted))
    if said is None:  # neither packaging nor pip: nothing of ours can be there
        raise WorkbenchError(
            "install.existing_lacks", python=named, lacking="pip", command=f"{quoted(named)} -m ensurepip"
        )
    facts = json.loads(said)
    if facts["lacking"]:
        lacking = ", ".join(f"{line} (has {found})" if found else line for line, found in facts["lacking"])
        command = [named, "-m", "pip", "install", "-c", checkout.lock.name, *(line for line, _ in facts["lacking"])]
        raise WorkbenchError(
            "install.existing_lacks", python=named, lacking=lacking, command=" ".join(map(quoted, command))
        )
    ours = checkout.root / "workbench" / "__init__.py"
    if facts["workbench"] and Path(facts["workbench"]).resolve() == ours.resolve():
        return python, {}
    paths = [str(checkout.root), os.environ.get("PYTHONPATH", "")]
    return python, {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def note(python: Path, changes: dict[str, str]) -> str:
    code_from = changes.get("PYTHONPATH", "").split(os.pathsep)[0]
    if code_from:
        return text("install.existing_path", python=str(python), root=code_from)
    return text("install.existing", python=str(python))


def quoted(word: str, windows: bool = WINDOWS) -> str:
    """A word for the person's own shell."""
    return subprocess.list2cmdline([word]) if windows else shlex.quote(word)


def _ask(python: Path, code: str, *arguments: str) -> str | None:
    try:  # from a folder without modules, so that only what it has installed is found
        ran = subprocess.run(
            [str(python), "-c", code, *arguments], capture_output=True, text=True, cwd=python.parent, check=False
        )
    except OSError:
        return None
    return ran.stdout.strip() if ran.returncode == 0 else None
