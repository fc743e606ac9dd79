"""Pickles: nothing that one asks for ever runs; what cannot be converted is named and leaves nothing behind."""

import os
import random
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.hub.pickles import context, convert_folder, make_folder, sharded, weights
from workbench import hub
from workbench.catalog.sources import find
from workbench.engine.convert import read
from workbench.errors import ModelError, Stopped
from workbench.hub import convert
from workbench.probes.context import Context


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path)


class Calls:
    """Pickles into a call of `function`."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> Any:
        return self._call


@pytest.mark.parametrize(
    ("call", "named"),
    [(os.system, "posix.system"), (eval, "eval"), (exec, "exec"), (shutil.rmtree, "shutil.rmtree")],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_what_a_pickle_asks_for_is_named_and_does_not_run(tmp_path: Path, call: Any, named: str, zipped: bool) -> None:
    marker = tmp_path / "ran"
    asked = f"touch {marker}" if call is os.system else f"open({str(marker)!r}, 'w')"
    file = tmp_path / "pytorch_model.bin"
    torch.save({"w": Calls(call, asked), **weights()}, file, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ModelError) as caught:
        read(file)
    assert (caught.value.code, caught.value.params["call"].removeprefix("builtins.")) == ("convert.calls_code", named)
    assert not marker.exists()


def test_the_payload_itself_works(tmp_path: Path) -> None:
    """Without the safe loader it does run: the tests above would notice."""
    marker = tmp_path / "ran"
    torch.save({"w": Calls(os.system, f"touch {marker}")}, tmp_path / "x.bin")
    torch.load(tmp_path / "x.bin", weights_only=False)
    assert marker.exists()


def test_a_hostile_pickle_leaves_no_trace_of_a_conversion(folder: Path, workbench_home: Path, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    torch.save({**weights(), "x": Calls(os.system, f"touch {marker}")}, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"asks for posix\.system"):
        hub.prepare(str(folder), None, context(), allow_pickle=True)
    assert not marker.exists()
    assert [file for file in workbench_home.rglob("*") if file.is_file() and file.suffix != ".lock"] == []


def test_the_process_gets_no_secrets(folder: Path, workbench_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.hub import convert_child

    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.setenv("https_proxy", "http://user:secret@proxy")
    assert "secret" not in str(convert_child._environment())


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ([torch.ones(1)], "convert.not_tensors"),
        ({}, "convert.not_tensors"),
        ({"a": {"b": torch.ones(1)}}, "convert.not_tensors"),
        ({"a": 3}, "convert.not_tensors"),
        ({"a": torch.eye(2).to_sparse()}, "convert.odd_tensor"),
    ],
)
def test_what_safetensors_cannot_hold_is_named(tmp_path: Path, content: Any, code: str) -> None:
    torch.save(content, tmp_path / "x.bin")
    with pytest.raises(ModelError) as caught:
        read(tmp_path / "x.bin")
    assert caught.value.code == code


def test_what_is_cut_off_or_no_checkpoint_is_named_without_torchs_advice(tmp_path: Path) -> None:
    torch.save(weights(), tmp_path / "whole.bin")
    whole = (tmp_path / "whole.bin").read_bytes()
    for content in (whole[: len(whole) // 2], b"\x80\x04\x95", b"ustar", random.Random(0).randbytes(512)):
        (tmp_path / "x.bin").write_bytes(content)
        with pytest.raises(ModelError) as caught:
            read(tmp_path / "x.bin")
        assert caught.value.code == "convert.unreadable"
        assert "weights_only` set to `False`" not in str(caught.value)


def test_the_older_format_without_a_zip_is_read_safely(tmp_path: Path) -> None:
    torch.save({"state_dict": weights()}, tmp_path / "x.bin", _use_new_zipfile_serialization=False)
    assert read(tmp_path / "x.bin").keys() == weights().keys()


def test_little_disk_is_told_before_anything_is_written(
    folder: Path, workbench_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(10, 9, 1_000_000))
    with pytest.raises(ModelError, match="1 MB are free") as caught:
        convert_folder(folder)
    assert caught.value.code == "convert.disk_full"
    assert [file for file in workbench_home.rglob("*") if file.suffix not in ("", ".lock")] == []


def test_stop_ends_the_process_and_leaves_nothing(folder: Path, workbench_home: Path) -> None:
    stop = threading.Event()

    def press(name: str, data: Any) -> None:
        if name == "progress" and data["what"].code == "convert.writing":
            stop.set()

    with pytest.raises(Stopped):
        convert.convert(convert.examine(folder, "m"), Context(press, stop))
    assert [file for file in workbench_home.rglob("*") if file.is_file() and file.suffix != ".lock"] == []
    assert not list(workbench_home.rglob("*.tmp"))


def test_missing_parts_and_foreign_layouts_are_named(folder: Path, workbench_home: Path) -> None:
    parts = sharded(folder)
    (parts / "pytorch_model-00002-of-00002.bin").unlink()
    with pytest.raises(ModelError, match=r"pytorch_model-00002-of-00002\.bin"):
        hub.prepare(str(parts), None, context(), allow_pickle=True)
    for file in parts.glob("pytorch_model*"):
        file.unlink()
    (parts / "consolidated.00.pth").write_bytes(b"x")
    assert find(str(parts)).kind == "pickle"
    with pytest.raises(ModelError, match=r"consolidated\.00\.pth"):
        hub.prepare(str(parts), None, context(), allow_pickle=True)
