"""Who holds which device: slots, notes, the door of a worker, and the command that lists them."""

import json
import os
import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import workbench as wb
from tests.hosts.openings import TINY
from workbench.cli import main
from workbench.hosts import registry
from workbench.hosts.door import Door, knock
from workbench.hosts.registry import Claim, Holding
from workbench.results import Gpu, Machine, Torch

pytestmark = pytest.mark.usefixtures("one_per_device")
CLAIM = Claim("cpu", os.getpid(), "one.ipynb", "demo", "f" * 16)


# a second notebook: opens a session as its arguments say, tells what it has, and works when it is told to
def test_beside_is_knowingly() -> None:
    holdings = [Holding() for _ in range(3)]
    holdings[0].claim(CLAIM)
    with pytest.raises(wb.DeviceBusy, match=r"one\.ipynb"):
        holdings[1].claim(CLAIM)
    for holding in holdings[1:]:
        holding.claim(replace(CLAIM, when_busy="beside"))
    assert len(registry.holders()) == 3
    for holding in holdings:
        holding.release()
    assert registry.holders() == []


def test_moving_to_another_device_frees_the_first() -> None:
    holding = Holding()
    holding.claim(CLAIM)
    holding.claim(replace(CLAIM, device="GPU-1"))
    assert [found.device for found in registry.holders()] == ["GPU-1"]
    holding.release()


def test_a_home_that_cannot_be_written_registers_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "file"))
    holding = Holding()
    holding.claim(CLAIM)
    holding.update(bytes=1)
    assert registry.holders() == []
    assert registry.holder("cpu") is None
    holding.release()


def test_a_damaged_note_is_still_a_held_device() -> None:
    holding = Holding()
    holding.claim(CLAIM)
    (note,) = (wb.Runs().path.parent / "engines").rglob("*.json")
    note.write_text("{")
    with pytest.raises(wb.DeviceBusy):
        Holding().claim(CLAIM)
    assert [found.device for found in registry.holders()] == ["cpu"]
    holding.release()


def test_the_devices_have_names_of_their_own(cpu_machine: Machine) -> None:
    gpus = (
        Gpu(index=0, name="A", memory_bytes=1, uuid="GPU-aaa"),
        Gpu(index=1, name="B", memory_bytes=1, uuid="MIG-bbb"),
        Gpu(index=2, name="C", memory_bytes=1),
    )
    torch = Torch(version="2", cuda_runtime="13.0", cuda_available=True, gpus=gpus)
    machine = cpu_machine.model_copy(update={"torch": torch})
    expected = {
        "cpu": "cpu",
        "auto": "GPU-aaa",
        "cuda": "GPU-aaa",
        "cuda:1": "MIG-bbb",
        "cuda:2": "cuda-2",
        "cuda:9": "cuda-9",
    }
    assert {asked: registry.device_key(asked, machine) for asked in expected} == expected
    assert registry.device_key("auto", cpu_machine) == "cpu"


@pytest.fixture
def cpu_machine() -> Machine:
    machine = wb.doctor()
    assert machine.torch is not None
    return machine.model_copy(update={"torch": machine.torch.model_copy(update={"cuda_available": False, "gpus": ()})})


def test_an_unknown_wish_is_named() -> None:
    with pytest.raises(wb.ConfigError, match="'refuse', 'wait', 'take', 'beside'"):
        wb.Session(TINY, when_busy="steal")


def test_the_command_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engines"]) == 0
    assert "No engine is alive." in capsys.readouterr().out
    holding = Holding()
    holding.claim(CLAIM)
    holding.update(bytes=2**30)
    assert main(["engines", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)["engines"]
    assert (listed["notebook"], listed["bytes"]) == ("one.ipynb", 2**30)
    assert main(["engines"]) == 0
    assert "1.00 GiB" in capsys.readouterr().out
    holding.release()


@pytest.mark.skipif(sys.platform == "win32", reason="no doors there")
def test_nonsense_at_the_door_harms_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    door = Door()
    with socket.socket(socket.AF_UNIX) as visitor:
        visitor.connect(door.path)
        visitor.sendall(b"GET / HTTP/1.1\n")
        assert door.answer() is None
    with socket.socket(socket.AF_UNIX) as visitor:
        visitor.connect(door.path)
    assert door.answer() is None
    door.close()
    with pytest.raises(OSError, match="No such file"):
        knock(door.path, {})


@pytest.mark.skipif(sys.platform == "win32", reason="no doors there")
def test_a_folder_that_others_can_enter_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = tmp_path / f"deepseek-workbench-{os.getuid()}"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    with pytest.raises(PermissionError, match="not this user's alone"):
        Door()


@pytest.mark.skipif(sys.platform == "win32", reason="no doors there")
def test_an_answer_that_comes_before_the_end_of_the_request_is_heard(tmp_path: Path) -> None:
    """The worker may answer and be gone while the one who knocked is still at its last instruction."""
    from workbench.hosts import door as doors

    here, there = socket.socketpair()
    with here, there:
        real = socket.send_fds

        def answered_at_once(connection: socket.socket, *arguments: object) -> int:
            sent = real(connection, *arguments)  # type: ignore[arg-type]
            there.recv(65536)
            there.sendall(b'{"type": "left"}\n')
            there.close()
            return sent

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(socket, "send_fds", answered_at_once)
            doors._send(here, {"type": "leave"}, ())
        assert doors._receive(here) == ({"type": "left"}, [])
