"""The installation for real: pip, an index on this machine, a kill half-way, an old driver, a second run."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bootstrap.index import Index, checkout, wheel
from workbench.bootstrap import choice, driver, environment, main
from workbench.bootstrap.builds import System
from workbench.bootstrap.environment import Condition
from workbench.bootstrap.places import Checkout
from workbench.errors import WorkbenchError

LINUX = System("linux", "x86_64")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    wheels = tmp_path_factory.mktemp("wheels")
    wheel(wheels, "tiny-part", "1.0")
    wheel(wheels, "tiny-part", "2.0")
    wheel(wheels, "torch", "2.13.0", payload=400_000)
    wheel(wheels, "torch", "2.14.0")
    with Index(wheels) as served:
        yield served


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return Checkout(checkout(tmp_path_factory.mktemp("clone") / "check out"))  # a space, as people have


@pytest.fixture
def surroundings(index: Index, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The person's own settings of pip, and nothing of this machine's."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "WORKBENCH_", "MAKE")) or name == "PYTHON"]:
        monkeypatch.delenv(name)
    cache = tmp_path_factory.getbasetemp() / "pip-cache"
    for name, value in {
        "PIP_INDEX_URL": index.url,
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_CACHE_DIR": str(cache),
        "WORKBENCH_MODEL": "random:deepseek-v2-lite",  # so that the demo model's package is not wanted
        "no_proxy": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    index.asked.clear()


def bootstrap(place: Checkout, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "workbench.bootstrap", *words],
        cwd=place.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.mark.usefixtures("surroundings")
def test_a_broken_environment_is_made_anew_and_an_old_driver_stops_before_the_download(
    place: Checkout, index: Index, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place.python.parent.mkdir(parents=True)
    place.python.write_text("no program")
    place.python.chmod(0o755)
    old = driver.Driver("535.183.01", (12, 2), (driver.Gpu("Tesla T4", (7, 5)),), gpu=True)
    monkeypatch.setattr(driver, "read", lambda: old)
    monkeypatch.setattr(main, "this_system", lambda: LINUX)
    with pytest.raises(WorkbenchError) as refused:
        main._install("lab", ["base"], choice.parse("", LINUX), place)
    said = str(refused.value)
    assert "needs an NVIDIA driver from 580; this machine has 535.183.01" in said
    assert "The build for CUDA 12.6 fits. Run: python3 -m workbench.bootstrap lab --torch cu126" in said
    assert index.asked == ["/simple/torch/"]
    assert "does not work (any more): it is made anew" in capsys.readouterr().err
    assert environment.condition(place.python) is Condition.WHOLE
    assert environment.missing(place, ["base"], "") == ["base"]


@pytest.mark.usefixtures("surroundings")
def test_what_is_killed_half_way_is_gone_on_with(place: Checkout, index: Index) -> None:
    index.stall_at = "torch-2.13.0"
    first = bootstrap(place, "install")
    try:
        assert index.stalled.wait(60), first.communicate()[0] if first.poll() is not None else "pip asked for nothing"
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        said = first.communicate()[0]
    assert "To download: about" in said
    assert "Creating" not in said
    assert environment.missing(place, ["base"], "") == ["base"]
    (packages,) = place.environment.glob("lib/python*/site-packages")
    half = packages / "tiny_part-1.0.dist-info"  # as a kill between two files of one package leaves it
    half.mkdir()
    (half / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-part\nVersion: 1.0\n")
    index.stall_at = ""
    index.go_on.set()
    again = bootstrap(place, "install")
    said = again.communicate(timeout=120)[0]
    assert again.returncode == 0, said
    assert "Creating" not in said
    check = "import torch, tiny_part, workbench; print(torch.__version__, tiny_part.__version__, workbench.__file__)"
    ran = subprocess.run([place.python, "-P", "-c", check], capture_output=True, text=True, check=True)
    assert ran.stdout.split(maxsplit=2)[:2] == ["2.13.0", "1.0"]
    assert str(place.root) in ran.stdout
    assert environment.missing(place, ["base"], "") == []


@pytest.mark.usefixtures("surroundings")
def test_the_next_run_asks_nobody_and_a_changed_lock_asks_again(place: Checkout, index: Index) -> None:
    done = bootstrap(place, "install")
    assert done.communicate(timeout=60)[0] == ""
    assert done.returncode == 0
    assert index.asked == []
    assert environment.missing(place, ["base"], "cpu") == ["base"]  # another build is asked for by its name
    place.lock.write_text("torch==2.13.0\ntiny-part==2.0\n")
    changed = bootstrap(place, "install")
    said = changed.communicate(timeout=120)[0]
    assert changed.returncode == 0, said
    assert index.files_asked == ["tiny_part-2.0-py3-none-any.whl"]


@pytest.mark.usefixtures("surroundings")
def test_a_failing_pip_is_an_error_and_leaves_no_stamp(
    place: Checkout, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.lock.write_text("torch==2.13.0\ntiny-part==3.0\n")
    failed = bootstrap(place, "install")
    said = failed.communicate(timeout=120)[0]
    assert failed.returncode == 1
    assert "pip's own message is above" in said
    assert environment.missing(place, ["base"], "") == ["base"]


def test_two_installations_take_turns(tmp_path: Path) -> None:
    place = Checkout(tmp_path)
    hold = (
        "from workbench.bootstrap.places import Checkout; from workbench.bootstrap import environment; import pathlib\n"
    )
    wait = f"with environment.my_turn(Checkout(pathlib.Path({str(tmp_path)!r}))): print('mine')"
    with environment.my_turn(place):
        second = subprocess.Popen(
            [sys.executable, "-c", hold + wait], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert second.stderr is not None
        assert "waiting for its end" in second.stderr.readline()
        assert second.poll() is None
    assert second.communicate(timeout=20)[0] == "mine\n"
    assert second.returncode == 0


def test_an_unfinished_package_is_taken_away_and_a_whole_one_stays(tmp_path: Path) -> None:
    packages = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages"
    for name in ("whole-1.dist-info", "half-1.dist-info", "~orch"):
        (packages / name).mkdir(parents=True)
    (packages / "whole-1.dist-info" / "INSTALLER").write_text("pip\n")
    environment.mend(Checkout(tmp_path))
    assert [path.name for path in packages.iterdir()] == ["whole-1.dist-info"]
    shutil.rmtree(tmp_path / ".venv")
    environment.mend(Checkout(tmp_path))  # none there: nothing to mend


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("echo 3 12 1", Condition.WHOLE),
        ("echo 3 12 0", Condition.WITHOUT_PIP),
        ("echo 3 14 1", Condition.UNFIT),
        ("exit 1", Condition.BROKEN),
        (None, Condition.BROKEN),
    ],
)
def test_an_environment_that_works_is_never_removed(tmp_path: Path, said: str | None, found: Condition) -> None:
    place = Checkout(tmp_path)
    place.python.parent.mkdir(parents=True)
    if said:
        place.python.write_text(f'#!/bin/sh\n[ "$1" = -c ] || exit 1\n{said}\n')
        place.python.chmod(0o755)
    assert environment.condition(place.python) is found
    if found in (Condition.UNFIT, Condition.WITHOUT_PIP):
        with pytest.raises(WorkbenchError, match=r"\.venv (works, with|has no pip)"):
            environment.make(place)
        assert place.python.exists()
