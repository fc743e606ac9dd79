"""A download as it should be: what it fetches, goes on with, checks, and leaves alone."""

import hashlib
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from tests.hub.conftest import NAME
from tests.hub.repository import Fault
from tests.hub.standin import StandIn
from tests.hub.tiny import SHARDS
from tests.hub.watching import Watch, failure, stop_once_stalled
from workbench.errors import Stopped
from workbench.hub.caches import commit_of, locate
from workbench.hub.download import download

ROOT = Path(__file__).parents[2]
LARGE = SHARDS[0]
CHUNK = 1 << 20  # what may be lost between two writes


def fetchers() -> list[psutil.Process]:
    """The downloading processes below this one."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "workbench.hub.fetching" in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def same(folder: Path, original: Path) -> bool:
    return all(
        (folder / file.name).read_bytes() == file.read_bytes() for file in original.iterdir() if file.suffix != ".md"
    )


def test_a_model_is_fetched_once_and_whole(
    standin: StandIn, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secretsecretsecret")
    watch = Watch()
    folder = download(NAME, None, watch.context)
    assert {file.name for file in folder.iterdir()} == {file.name for file in tiny_folder.iterdir()}
    assert same(folder, tiny_folder)
    assert locate(NAME) == locate(NAME, "main") == folder
    assert commit_of(folder) == standin.repositories[NAME].commit("main")

    assert set(standin.tokens) == {
        ("hub", "Bearer hf_secretsecretsecret"),
        ("content", None),  # another host: the token is not its business
    }
    assert "secret" not in repr(watch.events)

    served = dict(standin.served)
    assert download(NAME, None, Watch().context) == folder
    assert dict(standin.served) == served
    assert fetchers() == []


def test_a_revision_is_kept_beside_the_main_branch(standin: StandIn) -> None:
    older = download(NAME, "v1", Watch().context)
    assert '"workbench_test"' in (older / "config.json").read_text()
    assert locate(NAME) is None
    assert locate(NAME, "v1") == older
    served = standin.served[LARGE]
    assert download(NAME, None, Watch().context) != older
    assert standin.served[LARGE] == served  # the same content has the same place


def test_progress_counts_bytes_with_speed_and_time_left(standin: StandIn, tiny_folder: Path) -> None:
    standin.slow_s = 0.008
    watch = Watch()
    download(NAME, None, watch.context)
    total = sum(file.stat().st_size for file in tiny_folder.iterdir())
    assert watch.progress
    assert {event["total"] for event in watch.progress} == {total}
    done = [event["done"] for event in watch.progress]
    assert done == sorted(done)
    assert 0 < max(done) <= total
    with_speed = [event for event in watch.progress if event["per_s"]]
    assert with_speed
    assert all(event["left_s"] == pytest.approx((total - event["done"]) / event["per_s"]) for event in with_speed)


def test_stop_ends_it_at_once_and_the_next_goes_on(standin: StandIn, tiny_folder: Path, hub_home: Path) -> None:
    standin.faults[LARGE] = Fault("stall", after=2_000_000)
    watch = Watch()
    sha256 = hashlib.sha256((tiny_folder / LARGE).read_bytes()).hexdigest()
    stop_once_stalled(watch, standin, hub_home, f"{sha256}.incomplete")
    with pytest.raises(Stopped) as stopped:
        download(NAME, None, watch.context)
    assert f"downloading {NAME}" in str(stopped.value)
    assert fetchers() == []
    assert locate(NAME) is None

    standin.faults.clear()
    folder = download(NAME, None, Watch().context)
    assert same(folder, tiny_folder)
    size = (tiny_folder / LARGE).stat().st_size
    assert size < standin.served[LARGE] <= size + CHUNK
    assert not list(folder.parents[1].glob("blobs/*.incomplete"))


def test_a_connection_that_breaks_off_is_taken_up_again(standin: StandIn, tiny_folder: Path) -> None:
    standin.faults[LARGE] = Fault("cut", after=2_000_000, times=1)
    folder = download(NAME, None, Watch().context)
    assert same(folder, tiny_folder)
    size = (tiny_folder / LARGE).stat().st_size
    assert size < standin.served[LARGE] <= size + CHUNK


def test_a_damaged_file_is_named_and_fetched_again_once(standin: StandIn, tiny_folder: Path) -> None:
    for file in (LARGE, "config.json"):
        standin.faults[file] = Fault("corrupt", times=1)
    watch = Watch()
    assert same(download(NAME, None, watch.context), tiny_folder)
    for file in (LARGE, "config.json"):
        assert f"{file} arrived damaged" in watch.notes
        assert standin.served[file] == 2 * (tiny_folder / file).stat().st_size


def test_the_clients_own_protocol_is_checked_as_well(
    standin: StandIn, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "0")
    standin.faults[LARGE] = Fault("corrupt", times=1)
    watch = Watch()
    assert same(download(NAME, None, watch.context), tiny_folder)
    assert f"{LARGE} arrived damaged" in watch.notes
    standin.faults["config.json"] = Fault("corrupt")
    error = failure(NAME, "v1")
    assert (error.code, error.params["file"]) == ("hub.damaged", "config.json")
    assert locate(NAME, "v1") is None


def test_a_file_that_stays_damaged_is_named_and_removed(standin: StandIn, tiny_folder: Path) -> None:
    standin.faults[LARGE] = Fault("corrupt")
    error = failure(NAME)
    assert error.code == "hub.damaged"
    assert error.params["file"] == LARGE
    assert standin.served[LARGE] == 2 * (tiny_folder / LARGE).stat().st_size
    assert locate(NAME) is None


def test_what_was_damaged_on_the_disk_is_found_and_fetched_again(standin: StandIn, tiny_folder: Path) -> None:
    folder = download(NAME, None, Watch().context)
    blob = (folder / LARGE).resolve()
    blob.write_bytes(b"\0" * blob.stat().st_size)
    watch = Watch()
    assert same(download(NAME, None, watch.context), tiny_folder)
    assert LARGE in watch.notes


def test_a_download_dies_with_its_owner(standin: StandIn) -> None:
    standin.faults["api"] = Fault("stall")
    code = f"from tests.hub.watching import failure; failure({NAME!r})"
    owner = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    try:
        assert standin.stalled.wait(60)
        (child,) = fetchers()
    finally:
        owner.kill()
        owner.wait()
    psutil.wait_procs([child], timeout=30)
    assert not child.is_running()


def test_a_child_that_is_killed_is_said_to_be(standin: StandIn) -> None:
    standin.faults["api"] = Fault("stall")

    def kill() -> None:
        standin.stalled.wait(30)
        for child in fetchers():
            child.kill()

    threading.Thread(target=kill, daemon=True).start()
    error = failure(NAME)
    assert error.code == "hub.child_died"


def test_two_at_once_fetch_each_file_once(standin: StandIn, tiny_folder: Path) -> None:
    standin.slow_s = 0.01
    folders: list[Path] = []
    threads = [threading.Thread(target=lambda: folders.append(download(NAME, None, Watch().context))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(folders) == 2
    assert folders[0] == folders[1]
    assert standin.served[LARGE] == (tiny_folder / LARGE).stat().st_size
