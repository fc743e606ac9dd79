"""What a local directory holds, read without torch."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from workbench.catalog import local_model
from workbench.errors import ModelError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two shards in two number formats."""
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama", "hidden_size": 8}))
    save_file({"a": torch.zeros(3, 8), "b": torch.zeros(2, dtype=torch.bfloat16)}, tmp_path / "model-1.safetensors")
    save_file({"c": torch.zeros(5, 8, dtype=torch.bfloat16)}, tmp_path / "model-2.safetensors", {"format": "pt"})
    return tmp_path


def test_tensors_of_all_shards_are_counted(folder: Path) -> None:
    found = local_model(folder)
    assert found.name == folder.name
    assert found.tensors == {"a": ("float32", (3, 8), 96), "b": ("bfloat16", (2,), 4), "c": ("bfloat16", (5, 8), 80)}
    assert found.bytes_by_dtype == {"float32": 96, "bfloat16": 84}
    assert found.checkpoint_dtype == "float32"


def damaged(folder: Path, change: Any) -> ModelError:
    change(folder)
    with pytest.raises(ModelError) as caught:
        local_model(folder)
    return caught.value


def test_a_file_that_was_cut_off_is_named(folder: Path) -> None:
    file = folder / "model-1.safetensors"

    def cut(_folder: Path) -> None:
        file.write_bytes(file.read_bytes()[:-10])

    error = damaged(folder, cut)
    assert error.code == "model.damaged_weights"
    assert "model-1.safetensors" in str(error)


@pytest.mark.parametrize("content", [b"", b"abc", b"\xff" * 64, b"\x04\0\0\0\0\0\0\0[1]\n"])
def test_a_file_that_is_no_safetensors_is_named(folder: Path, content: bytes) -> None:
    error = damaged(folder, lambda path: (path / "model-2.safetensors").write_bytes(content))
    assert error.code == "model.damaged_weights"


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "null"])
def test_a_config_that_is_none_is_named(folder: Path, content: str) -> None:
    assert damaged(folder, lambda path: (path / "config.json").write_text(content)).code == "model.damaged_config"


def test_what_is_no_model_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nothing at"):
        local_model(tmp_path / "absent")
    for file in folder.glob("*.safetensors"):
        file.unlink()
    with pytest.raises(ModelError, match="no weights"):
        local_model(folder)
    (folder / "config.json").unlink()
    with pytest.raises(ModelError, match="is not a model"):
        local_model(folder)
