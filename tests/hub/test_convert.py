"""Pickle-only checkpoints: converted whole and exactly after a yes, and then like any other model."""

import hashlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

import workbench as wb
from tests.hub.pickles import context, convert_folder, make_folder, sharded, weights
from workbench import cli, hub
from workbench.engine.convert import read, write
from workbench.engine.demo import ensure_demo
from workbench.errors import ModelError
from workbench.export.source import loadable
from workbench.hub import convert


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path)


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
