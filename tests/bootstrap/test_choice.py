"""Which torch was asked for and which pip would take; how much that is; where programs lie on each system."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from workbench.bootstrap import room
from workbench.bootstrap.builds import BUILDS, DEMO, OTHERS, QUANT, RAY, Size, System, torch_size
from workbench.bootstrap.choice import Choice, holds, parse, pick
from workbench.bootstrap.environment import LAYERS
from workbench.bootstrap.existing import quoted, requirements
from workbench.bootstrap.places import Checkout, program, programs
from workbench.bootstrap.pythons import candidates, fits
from workbench.bootstrap.targets import TARGETS, Tools
from workbench.errors import WorkbenchError

LINUX, WINDOWS, MAC = System("linux", "x86_64"), System("win32", "amd64"), System("darwin", "arm64")


def test_a_name_an_address_or_nothing() -> None:
    assert parse("", LINUX) == Choice()
    assert parse("as-found", LINUX) == Choice("as-found")
    named = parse("cu126", LINUX)
    assert named.requirement == ("torch==2.13.0+cu126",)
    assert named.arguments == ("--extra-index-url", "https://download.pytorch.org/whl/cu126")
    mirror = parse("https://mirror.example/whl/cu130/", LINUX)
    assert mirror.requirement == ("torch==2.13.0+cu130",)
    assert mirror.arguments == ("--extra-index-url", "https://mirror.example/whl/cu130/")
    assert parse("https://mirror.example/simple", LINUX).requirement == ()
    assert mirror.torch == (*mirror.requirement, *mirror.arguments)
    assert parse("https://mirror.example/simple", LINUX).torch[0] == "torch"
    assert parse("", LINUX).torch == (), "pip's own index has it with everything else"
    assert parse("cpu", MAC).requirement == ()  # PyTorch's macOS wheels carry no label
    with pytest.raises(WorkbenchError, match="Allowed: cu130, cu126, cpu"):
        parse("cuda12", LINUX)


@pytest.mark.parametrize(
    ("listed", "asked", "version", "build"),
    [
        ("2.15.0, 2.13.0+cpu, 2.13.0, 2.12.0", "", "2.13.0+cpu", "cpu"),
        ("2.15.0, 2.13.0, 2.12.0", "", "2.13.0", "cu130"),
        ("2.13.0+cu126, 2.13.0+cpu, 2.13.0", "cpu", "2.13.0+cpu", "cpu"),
        ("2.13.0+rocm7.2, 2.13.0", "", "2.13.0+rocm7.2", None),
        ("2.15.0, 2.14.0", "", None, None),
        ("2.13.0", "cu126", None, None),
    ],
)
def test_what_pip_would_take(listed: str, asked: str, version: str | None, build: str | None) -> None:
    answer = pick(f"torch (2.15.0)\nAvailable versions: {listed}\n  LATEST: 2.15.0\n", parse(asked, LINUX))
    assert answer.version == version
    assert answer.build(LINUX) == (BUILDS[build] if build else None)
    assert bool(answer.problem) == (version is None)


def test_what_is_installed_already_holds_unless_another_build_is_named() -> None:
    assert holds("2.13.0+cpu", parse("", LINUX))
    assert not holds("2.13.0+cpu", parse("cu126", LINUX))
    assert holds("2.13.0+cu126", parse("cu126", LINUX))
    assert not holds("2.12.0", parse("", LINUX))


def test_the_download_is_told_before_it_begins(tmp_path: Path) -> None:
    said = room.announcement(["base", "demo"], BUILDS["cu130"], LINUX, tmp_path / "not" / "yet")
    assert said.startswith("To download: about 3.1 GB; on disk: about 6.0 GB of ")
    assert "about 0.5 GB" in room.announcement(["base", "demo"], BUILDS["cpu"], LINUX, tmp_path)
    assert "torch for CUDA 12.6, whose size is not recorded" in room.announcement(
        ["base"], BUILDS["cu126"], LINUX, tmp_path
    )
    assert "about 0.1 GB" in room.announcement(["demo"], None, LINUX, tmp_path)


def test_sizes_add_up() -> None:
    torch = torch_size(BUILDS["cpu"], LINUX)
    assert torch is not None
    assert room.sizes(["base", "demo"], BUILDS["cpu"], LINUX) == (OTHERS + torch + DEMO, True)
    assert room.sizes(["demo"], None, LINUX) == (DEMO, False)
    assert room.sizes(["demo", "quant"], None, LINUX) == (DEMO + QUANT, False)
    assert room.sizes(["demo", "ray"], None, LINUX) == (DEMO + RAY, False)
    assert torch_size(BUILDS["cu130"], System("linux", "aarch64")) is None


def test_the_slow_tests_have_the_optional_quantisers() -> None:
    """Those that live with the rest; gptqmodel pulls numpy down."""
    assert "quant" in TARGETS["test-slow"].layers
    wanted = " ".join(requirements(Path(__file__).parents[2] / "pyproject.toml", TARGETS["test-slow"].layers))
    assert "hqq>=" in wanted
    assert "optimum-quanto>=" in wanted
    assert "gptqmodel" not in wanted
    for target in TARGETS.values():
        assert set(target.layers) <= set(LAYERS)


def test_the_tests_have_a_cluster_to_sweep_on_and_who_opens_the_lab_does_not_download_it() -> None:
    project = Path(__file__).parents[2] / "pyproject.toml"
    assert [name for name, target in TARGETS.items() if "ray" in target.layers] == ["test"]
    assert "ray>=" in " ".join(requirements(project, TARGETS["test"].layers))


def test_a_small_disk_is_refused_and_what_is_there_is_not_needed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = Size(1_000, 4_000)
    monkeypatch.setattr(room, "MARGIN", 0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=3_000))
    with pytest.raises(WorkbenchError, match="too little room"):
        room.check(needed, tmp_path / "env", tmp_path)
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "half").write_bytes(bytes(2_000))
    room.check(needed, tmp_path / "env", tmp_path)


@pytest.mark.parametrize(
    ("windows", "python"), [(False, Path(".venv/bin/python")), (True, Path(".venv/Scripts/python.exe"))]
)
def test_programs_lie_where_each_system_has_them(windows: bool, python: Path) -> None:
    assert program(programs(Path(".venv"), windows), "python", windows) == python


def test_pythons_to_try() -> None:
    assert candidates("/my/python", windows=False) == [["/my/python"]]
    assert ["py", "-3.13"] in candidates(None, windows=True)
    assert ["python3"] not in candidates(None, windows=True)
    assert ["python3.11"] in candidates(None, windows=False)
    assert [fits(version) for version in ((3, 10), (3, 11), (3, 13), (3, 14), ())] == [False, True, True, False, False]


def test_words_are_quoted_for_the_persons_shell() -> None:
    assert quoted("torch>=2.11", windows=False) == "'torch>=2.11'"
    assert quoted(r"C:\my env\python.exe", windows=True) == r'"C:\my env\python.exe"'


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_names_files_that_exist(name: str) -> None:
    root = Path(__file__).parents[2]
    tools = Tools(Path("/env/bin/python"), Checkout(root))
    commands = TARGETS[name].commands(tools)
    for command in commands:
        assert Path(command[0]).parent == Path("/env/bin")
        for word in command[1:]:
            assert not word.endswith((".py", ".ipynb")) or (root / word).exists()
    assert commands or name == "install"
    assert os.path.basename(commands[-1][0]).startswith(("python", "nbstripout")) if commands else True
