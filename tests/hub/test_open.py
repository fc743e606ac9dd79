"""From a hub id to a model that answers: downloaded, offline from the cache, at a revision, and after a Stop."""

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.hub.conftest import NAME
from tests.hub.repository import Fault
from tests.hub.standin import StandIn
from tests.hub.tiny import SHARDS
from workbench.errors import ModelError, Stopped
from workbench.events import Event
from workbench.session import Session


@pytest.mark.model
def test_a_session_on_a_hub_id(standin: StandIn, demo_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Event] = []
    commit = standin.repositories[NAME].commit("main")
    with Session(NAME, progress=seen.append) as session:
        assert session.facts.name == NAME
        first = session.generate(["The sea"], 4)[0].token_ids
        assert f'"{NAME}"' in session.export().code
        assert f'revision="{commit}"' in session.export().code
    assert any(event.data.get("unit") == "B" for event in seen)

    asked = len(standin.requests)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with Session(NAME) as session:
        assert session.generate(["The sea"], 4)[0].token_ids == first
    assert len(standin.requests) == asked
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE"):
        Session(NAME, revision="v1")
    assert len(standin.requests) == asked


@pytest.mark.model
def test_stop_during_a_download_leaves_everything_usable(standin: StandIn, demo_home: Path) -> None:
    standin.faults[SHARDS[0]] = Fault("stall", after=100_000)
    opening: list[Session] = []
    original = Session._prepare

    def prepare(session: Session, *arguments: object) -> None:
        opening.append(session)
        original(session, *arguments)  # type: ignore[arg-type]

    def press_stop() -> None:
        standin.stalled.wait(60)
        opening[0].stop()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "_prepare", prepare)
        threading.Thread(target=press_stop, daemon=True).start()
        with pytest.raises(Stopped, match=f"downloading {NAME}"):
            Session(NAME)
    standin.faults.clear()
    with Session(NAME, revision="v1") as session:
        assert session.generate(["The sea"], 2)[0].token_ids


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "workbench", "download", *words], capture_output=True, text=True, check=False
    )


def test_the_verb_prints_the_folder(standin: StandIn) -> None:
    done = run(NAME, "--revision", "v1", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["schema"] == "workbench.download/1"
    assert document["commit"] == standin.repositories[NAME].commit("v1")
    assert SHARDS[0] in document["files"]
    assert Path(document["folder"]).is_dir()
    assert "is here and checked: 8 files" in done.stderr
    again = run(NAME, "--revision", "v1")
    assert again.stdout.strip() == document["folder"]


def test_the_verb_says_what_failed(standin: StandIn) -> None:
    assert run("demo").returncode == 2
    done = run("owner/nothing")
    assert (done.returncode, done.stdout) == (1, "")
    assert "knows no model owner/nothing" in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_keeps_what_arrived(standin: StandIn) -> None:
    standin.faults[SHARDS[0]] = Fault("stall", after=2_000_000)
    process = subprocess.Popen(
        [sys.executable, "-m", "workbench", "download", NAME], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert standin.stalled.wait(60)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert "goes on where it stopped" in err
    assert "Traceback" not in err
