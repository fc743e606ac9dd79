"""Pickle-only checkpoints: converted whole and exactly, or refused; nothing that a pickle asks for ever runs."""

import hashlib
import io
import json
import os
import random
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

import workbench as wb
from workbench import cli, hub
from workbench.catalog.sources import find
from workbench.engine.convert import read, write
from workbench.engine.demo import ensure_demo
from workbench.errors import ModelError, Stopped
from workbench.export.source import loadable
from workbench.hub import convert
from workbench.probes.context import Context

CONFIG = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 8,
    "vocab_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 16,
}


def context(stop: threading.Event | None = None, seen: list[Any] | None = None) -> Context:
    return Context(lambda name, data: seen.append((name, data)) if seen is not None else None, stop)


def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {
        "model.embed_tokens.weight": torch.randn(16, 8),
        "model.layers.0.mlp.weight": torch.randn(16, 8, dtype=torch.bfloat16),
        "model.layers.1.mlp.weight": torch.randn(8, 16).t(),  # not contiguous
        "model.norm.weight": torch.full((8,), float("nan")),
        "lm_head.weight": torch.randn(16, 8),
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A pickle-only checkpoint with a tokenizer, a licence, code of its own and a trainer's leftovers."""
    made = tmp_path / "old model"
    made.mkdir()
    (made / "config.json").write_text(json.dumps(CONFIG))
    (made / "tokenizer.json").write_text("{}")
    (made / "LICENSE").write_text("free")
    (made / "modeling_own.py").write_text("raise SystemExit('ran')")
    torch.save({"step": 1}, made / "training_args.bin")
    torch.save(weights(), made / "pytorch_model.bin")
    return made


def sharded(folder: Path) -> Path:
    tensors = weights()
    parts = {
        "pytorch_model-00001-of-00002.bin": list(tensors)[:2],
        "pytorch_model-00002-of-00002.bin": list(tensors)[2:],
    }
    for file, names in parts.items():
        torch.save({name: tensors[name] for name in names}, folder / file)
    placed = {name: file for file, names in parts.items() for name in names}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": placed}))
    (folder / "pytorch_model.bin").unlink()
    return folder


def same(made: Path, expected: dict[str, torch.Tensor]) -> None:
    found = {name: tensor for file in made.glob("*.safetensors") for name, tensor in load_file(file).items()}
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype
        assert found[name].shape == tensor.shape
        assert (
            found[name].numpy(force=True).tobytes() == tensor.contiguous().numpy(force=True).tobytes()
            if (tensor.dtype != torch.bfloat16)
            else torch.equal(found[name].view(torch.int16), tensor.view(torch.int16))
        )


def convert_folder(folder: Path, target: Path | None = None, **options: Any) -> Path:
    return convert.convert(convert.examine(folder, folder.name), context(**options), target)


def the_manifest_has_the_checksums_of_both_sides_and_no_paths(folder: Path, made: Path) -> None:
    text = (made / convert.MANIFEST).read_text()
    manifest = json.loads(text)
    assert manifest["schema"] == "workbench.conversion/1"
    assert str(folder.parent) not in text
    for root, part in ((folder, "source"), (made, "files")):
        for name, entry in manifest[part].items():
            content = (root / name).read_bytes()
            assert entry == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    assert list(manifest["source"]) == ["pytorch_model.bin"]


def test_without_a_yes_it_is_refused_and_the_way_out_is_named(folder: Path, workbench_home: Path) -> None:
    with pytest.raises(ModelError) as caught:
        hub.prepare(str(folder), None, context())
    assert caught.value.code == "model.pickle_only"
    assert f"Session({str(folder)!r}, allow_pickle=True)" in str(caught.value)
    assert f"workbench convert {folder}" in str(caught.value)
    assert list(workbench_home.rglob("*")) == []


def test_a_yes_converts_once_bit_for_bit(folder: Path, workbench_home: Path) -> None:
    seen: list[Any] = []
    source = hub.prepare(str(folder), None, context(seen=seen), allow_pickle=True)
    assert source.kind == "directory"
    assert source.path is not None
    assert source.path.parent == workbench_home / "models" / "converted"
    assert source.path.name.startswith("old model-")
    same(source.path, weights())
    names = {file.name for file in source.path.iterdir()}
    assert names == {"config.json", "tokenizer.json", "LICENSE", "model.safetensors", convert.MANIFEST}
    with safe_open(source.path / "model.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"}
    progress = [data["done"] for name, data in seen if name == "progress"]
    assert progress == sorted(progress)
    the_manifest_has_the_checksums_of_both_sides_and_no_paths(folder, source.path)
    before = (source.path / "model.safetensors").stat().st_mtime_ns
    again = hub.prepare(str(folder), None, context())  # what was agreed to once is no question again
    assert again == source
    assert (source.path / "model.safetensors").stat().st_mtime_ns == before
    assert loadable(str(folder), None).path == source.path
    (source.path / "model.safetensors").write_bytes(b"x")  # damaged: made again, after a yes
    with pytest.raises(ModelError, match="allow_pickle"):
        hub.prepare(str(folder), None, context())
    assert hub.prepare(str(folder), None, context(), allow_pickle=True) == source
    same(source.path, weights())
    torch.save({**weights(), "lm_head.weight": torch.zeros(16, 8)}, folder / "pytorch_model.bin")
    assert convert.default_target(convert.examine(folder, folder.name)) != source.path


def test_shards_stay_shards_with_an_index(folder: Path, workbench_home: Path) -> None:
    sharded(folder)
    target = convert.default_target(convert.examine(folder, folder.name))
    killed = target.with_name(f"{target.name}.4711.tmp")  # what a conversion left that was killed
    killed.mkdir(parents=True)
    made = convert_folder(folder)
    assert not killed.exists()
    same(made, weights())
    index = json.loads((made / "model.safetensors.index.json").read_text())
    assert index["weight_map"]["lm_head.weight"] == "model-00002-of-00002.safetensors"
    assert index["metadata"]["total_size"] == sum(tensor.nbytes for tensor in weights().values())
    assert not (made / "pytorch_model.bin.index.json").exists()


def test_a_named_target_must_be_free(folder: Path, tmp_path: Path, workbench_home: Path) -> None:
    target = tmp_path / "copy"
    assert convert_folder(folder, target) == target
    assert convert_folder(folder, target) == target
    other = tmp_path / "full"
    other.mkdir()
    (other / "mine.txt").write_text("keep")
    with pytest.raises(ModelError, match="is not empty"):
        convert_folder(folder, other)
    assert (other / "mine.txt").read_text() == "keep"
    assert list(workbench_home.iterdir()) == []


def test_names_that_share_memory_are_kept_unless_the_config_ties_them(tmp_path: Path) -> None:
    embedding = torch.randn(16, 8)
    shared = {"lm_head.weight": embedding, "model.embed_tokens.weight": embedding, "part": embedding[4:8]}
    torch.save(shared, tmp_path / "one.bin")
    for tied, names in ((False, {*shared}), (True, {"model.embed_tokens.weight", "part"})):
        tensors = read(tmp_path / "one.bin")
        write(tensors, tmp_path / "one.safetensors", tied=tied)
        assert set(tensors) == names
        written = load_file(tmp_path / "one.safetensors")
        assert set(written) == names
        assert all(torch.equal(written[name], shared[name]) for name in names)
    with safe_open(tmp_path / "one.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt", "lm_head.weight": "model.embed_tokens.weight"}


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


@pytest.mark.model
def test_a_session_on_the_copy_speaks_as_one_on_safetensors(demo_home: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=49152, tie_word_embeddings=True, **shape))
    safe, old = tmp_path / "safe", tmp_path / "old"
    AutoTokenizer.from_pretrained(ensure_demo()).save_pretrained(safe)
    model.save_pretrained(safe)
    shutil.copytree(safe, old)
    (old / "model.safetensors").unlink()
    torch.save(model.state_dict(), old / "pytorch_model.bin")
    config = wb.Config(dtype="float32", threads=1)
    with wb.Session(str(safe), host="inline", config=config) as session:
        expected = session.generate("The sea", 8)[0].token_ids
        states = {name: tensor.clone() for name, tensor in session.model.state_dict().items()}
    with wb.Session(str(old), host="inline", config=config, allow_pickle=True) as session:
        assert session.generate("The sea", 8)[0].token_ids == expected
        assert all(torch.equal(tensor, states[name]) for name, tensor in session.model.state_dict().items())


def test_the_command_asks_and_prints_the_folder(
    folder: Path, workbench_home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.main(["convert", str(folder)]) == 2
    assert "--yes" in capsys.readouterr().err
    for answer, status in (("no\n", 2), ("yes\n", 0)):
        terminal = io.StringIO(answer)
        monkeypatch.setattr(terminal, "isatty", lambda: True)
        monkeypatch.setattr("sys.stdin", terminal)
        assert cli.main(["convert", str(folder)]) == status
    said = capsys.readouterr()
    assert "Type yes" in said.err
    made = Path(said.out.strip())
    same(made, weights())
    assert cli.main(["convert", str(folder), "--json"]) == 0  # nothing is unpickled any more: no question
    document = json.loads(capsys.readouterr().out)
    assert document["folder"] == str(made)
    assert document["source"]["pytorch_model.bin"]["bytes"] == (folder / "pytorch_model.bin").stat().st_size
    assert cli.main(["convert", str(made)]) == 1
    assert "no pickle" in capsys.readouterr().err
    assert cli.main(["convert", "some/model"]) == 1
    assert "allow_pickle=True" in capsys.readouterr().err
