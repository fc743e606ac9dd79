"""From ModelScope, with its own client against the stand-in."""

import os
from pathlib import Path

import pytest

from tests.hub.conftest import NAME
from tests.hub.repository import Fault
from tests.hub.standin import StandIn, dead_url
from tests.hub.tiny import SHARDS
from tests.hub.watching import Watch, failure, stop_once_stalled
from workbench.errors import Stopped
from workbench.hub.caches import locate
from workbench.hub.download import download
from workbench.hub.endpoints import host_of

LARGE = SHARDS[0]


@pytest.fixture
def modelscope(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    pytest.importorskip("modelscope_hub", reason="needs pip install modelscope-hub")
    monkeypatch.setenv("WORKBENCH_HUB", "modelscope")
    monkeypatch.setenv("HF_ENDPOINT", dead_url())  # not asked
    return standin


def test_a_model_is_fetched_goes_on_after_stop_and_is_found(
    modelscope: StandIn, tiny_folder: Path, tmp_path: Path
) -> None:
    modelscope.faults[LARGE] = Fault("stall", after=2_000_000)
    watch = Watch()
    stop_once_stalled(watch, modelscope, tmp_path / "ms", f"{LARGE}.incomplete")
    with pytest.raises(Stopped):
        download(NAME, None, watch.context)
    assert locate(NAME) is None

    modelscope.faults.clear()
    watch = Watch()
    folder = download(NAME, None, watch.context)
    assert folder.is_relative_to(tmp_path / "ms")
    assert {file.name for file in folder.iterdir()} == {file.name for file in tiny_folder.iterdir()}
    assert all((folder / file.name).read_bytes() == file.read_bytes() for file in tiny_folder.iterdir())
    size = (tiny_folder / LARGE).stat().st_size
    assert size <= modelscope.served[LARGE] <= size + (1 << 20)
    assert locate(NAME) == folder


def test_what_it_refuses_is_said(modelscope: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    error = failure("owner/nothing")
    assert error.code == "hub.not_found"
    modelscope.faults["api"] = Fault("status", status=403)
    assert failure(NAME).code == "hub.refused_modelscope"
    modelscope.faults.clear()
    modelscope.claimed[LARGE] = 10**17
    assert failure(NAME).code == "hub.disk_full"


def test_a_host_that_is_not_there_is_named(modelscope: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    url = dead_url()
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", url)
    error = failure(NAME)
    assert error.code == "hub.no_host"
    assert error.params["host"] == host_of(url)
    assert "MODELSCOPE_ENDPOINT" in error.next_step


def test_a_file_that_stays_damaged_is_named(modelscope: StandIn) -> None:
    modelscope.faults["config.json"] = Fault("corrupt")
    error = failure(NAME)
    assert (error.code, error.params["file"]) == ("hub.damaged", "config.json")
    assert locate(NAME) is None


def test_without_its_client_the_command_is_named(
    standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_HUB", "modelscope")
    (tmp_path / "absent").mkdir()
    (tmp_path / "absent" / "modelscope_hub.py").write_text("raise ModuleNotFoundError('modelscope_hub')")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path / "absent"), os.environ.get("PYTHONPATH", ""))))
    error = failure(NAME)
    assert error.code == "hub.no_client"
    assert "pip install" in error.next_step
