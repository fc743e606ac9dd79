"""What is wrong with a model's files is named before anything is loaded; what is whole passes."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from gguf.constants import GGML_QUANT_SIZES
from safetensors.torch import save_file
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

from workbench.catalog import architectures
from workbench.catalog.gguf import TENSOR_TYPES, read_header
from workbench.catalog.integrity import INDEX, check
from workbench.errors import ModelError

CONFIG = {"model_type": "llama", "num_hidden_layers": 2, "vocab_size": 16, "hidden_size": 8}
FIRST, SECOND = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


def shards() -> dict[str, dict[str, torch.Tensor]]:
    return {
        FIRST: {"model.embed_tokens.weight": torch.ones(16, 8), "model.layers.0.mlp.weight": torch.ones(8, 8)},
        SECOND: {"model.layers.1.mlp.weight": torch.ones(8, 8), "lm_head.weight": torch.ones(16, 8)},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole model in two shards."""
    made = tmp_path / "model"
    made.mkdir()
    (made / "config.json").write_text(json.dumps(CONFIG))
    (made / "tokenizer.json").write_text("{}")
    placed = {}
    for file, tensors in shards().items():
        save_file(tensors, made / file)
        placed |= dict.fromkeys(tensors, file)
    (made / INDEX).write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": placed}))
    return made


def single(folder: Path) -> None:
    save_file(
        {name: tensor for part in shards().values() for name, tensor in part.items()}, folder / "model.safetensors"
    )
    for file in (FIRST, SECOND, INDEX):
        (folder / file).unlink()


def write_config(folder: Path, **changes: Any) -> None:
    (folder / "config.json").write_text(json.dumps({**CONFIG, **changes}))


def cut(folder: Path, file: str) -> None:
    (folder / file).write_bytes((folder / file).read_bytes()[:-7])


def reshard(folder: Path, file: str, **tensors: torch.Tensor) -> None:
    save_file({name.replace("__", "."): tensor for name, tensor in tensors.items()}, folder / file)


def lost(folder: Path) -> None:
    (folder / SECOND).unlink()
    unfinished = folder / ".cache" / "huggingface" / "download"
    unfinished.mkdir(parents=True)
    (unfinished / "x.abc.incomplete").write_bytes(b"x")


def of_another_split(folder: Path) -> None:
    (folder / INDEX).unlink()
    (folder / FIRST).rename(folder / "model-00001-of-00003.safetensors")


def adapter(folder: Path) -> None:
    single(folder)
    (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "a/base"}')


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"

BROKEN: dict[str, tuple[Callable[[Path], Any], str, str]] = {
    "cut off": (lambda f: cut(f, SECOND), "integrity.cut_off_shard", SECOND),
    "zeros": (lambda f: (f / SECOND).write_bytes(bytes(500)), "integrity.cut_off_shard", SECOND),
    "lost": (lost, "integrity.missing_shards", r"x\.abc\.incomplete"),
    "link to nothing": (
        lambda f: ((f / SECOND).unlink(), (f / SECOND).symlink_to(f / "blob")),
        "integrity.missing_shards",
        SECOND,
    ),
    "aria2": (lambda f: (f / f"{FIRST}.aria2").write_bytes(b"x"), "integrity.still_written", "aria2"),
    "lfs": (lambda f: (f / FIRST).write_text(POINTER), "integrity.lfs_pointer", "git lfs pull"),
    "lfs tokenizer": (lambda f: (f / "tokenizer.json").write_text(POINTER), "integrity.lfs_pointer", "tokenizer.json"),
    "page": (
        lambda f: (f / "config.json").write_text("<!DOCTYPE html><p>Sign in"),
        "integrity.web_page",
        "config.json",
    ),
    "page as weights": (lambda f: (f / FIRST).write_text("\n<html>" + " " * 99), "integrity.web_page", FIRST),
    "empty": (lambda f: (f / "config.json").write_text(""), "integrity.empty", "config.json"),
    "empty weights": (lambda f: (f / FIRST).write_bytes(b""), "integrity.empty", FIRST),
    "half json": (lambda f: (f / "tokenizer.json").write_text('{"a": 1,'), "integrity.not_json", "tokenizer.json"),
    "list": (lambda f: (f / "tokenizer_config.json").write_text("[]"), "integrity.not_json", "list"),
    "no config": (lambda f: (f / "config.json").unlink(), "integrity.no_config", "config.json"),
    "no type": (lambda f: (f / "config.json").write_text("{}"), "model.damaged_config", "model_type"),
    "new": (lambda f: write_config(f, model_type="deepseek_v9"), "model.unknown_architecture", "deepseek_v9"),
    "own code": (lambda f: write_config(f, model_type="mine", auto_map={}), "model.remote_code", "not run"),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "integrity.no_tokenizer", "tokenizer.model"),
    "bad index": (lambda f: (f / INDEX).write_text('{"weight_map": []}'), "integrity.bad_index", INDEX),
    "index that leaves": (
        lambda f: (f / INDEX).write_text('{"weight_map": {"a": "../x.safetensors"}}'),
        "integrity.bad_index",
        INDEX,
    ),
    "shard of another split": (
        lambda f: reshard(f, SECOND, lm_head__weight=torch.ones(16, 8)),
        "integrity.absent_tensor",
        r"model\.layers\.1\.mlp\.weight",
    ),
    "shard of another model": (
        lambda f: reshard(
            f,
            SECOND,
            **{n.replace(".", "__"): t for n, t in shards()[SECOND].items()},
            model__norm__weight=torch.ones(1),
            model__embed_tokens__weight=torch.ones(16, 4),
        ),
        "integrity.two_downloads",
        "embed_tokens",
    ),
    "two splits": (of_another_split, "integrity.two_downloads", "2 / 3"),
    "no index": (lambda f: (f / INDEX).unlink(), "integrity.no_index", INDEX),
    "other name": (
        lambda f: (single(f), (f / "model.safetensors").rename(f / "mine.safetensors")),
        "integrity.other_names",
        r"mine\.safetensors",
    ),
    "adapter": (adapter, "integrity.adapter", "a/base"),
    "more layers": (lambda f: write_config(f, num_hidden_layers=4), "integrity.no_layers", "layer 2"),
    "other widths": (lambda f: write_config(f, hidden_size=9), "integrity.other_shape", "16 × 8"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_is_named_with_the_way_out(folder: Path, case: str) -> None:
    breaking, code, words = BROKEN[case]
    check(folder)
    breaking(folder)
    with pytest.raises(ModelError, match=words) as caught:
        check(folder, name="a/model")
    assert caught.value.code == code
    assert "a/model" in str(caught.value)
    assert caught.value.next_step
    assert str(folder) not in str(caught.value)


@pytest.mark.parametrize(
    "harmless",
    [
        lambda f: None,
        single,
        lambda f: (f / "other.safetensors.incomplete").write_bytes(b"x"),  # of a file that nobody needs
        lambda f: save_file({"other": torch.ones(1)}, f / "consolidated.safetensors"),
        lambda f: write_config(f, num_hidden_layers=1),  # the rest may be a head for several tokens at once
        lambda f: (f / "tokenizer.json").rename(f / "tokenizer.model"),
        lambda f: (
            single(f),
            (f / "model.safetensors").rename(f / "a.safetensors"),
            write_config(f, transformers_weights="a.safetensors"),
        ),
    ],
)
def test_what_is_whole_passes(folder: Path, harmless: Callable[[Path], Any]) -> None:
    harmless(folder)
    check(folder)


def test_every_type_that_transformers_knows_is_found_in_its_source() -> None:
    known = architectures.known_types()
    assert known is not None
    assert known >= set(CONFIG_MAPPING_NAMES)
    assert "deepseek_v9" not in known


def test_unrecognised_sources_of_transformers_refuse_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_config(folder, model_type="deepseek_v9")
    monkeypatch.setattr(architectures, "_FILES", ("elsewhere.py",))
    architectures.known_types.cache_clear()
    assert architectures.known_types() is None
    check(folder)
    architectures.known_types.cache_clear()


def test_the_block_sizes_are_those_of_the_gguf_package() -> None:
    assert {int(kind): (kind.name, *sizes) for kind, sizes in GGML_QUANT_SIZES.items()} == TENSOR_TYPES


@pytest.fixture
def gguf_model(tmp_path: Path) -> Path:
    file = tmp_path / "small.gguf"
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_array("tokenizer.ggml.tokens", ["a", "bc", "é"])
    writer.add_array("tokenizer.ggml.scores", [0.5, 1.5, 2.5])
    writer.add_uint32("llama.block_count", 2)
    writer.add_tensor("token_embd.weight", np.ones((16, 8), dtype=np.float32))
    writer.add_tensor("output.weight", np.ones((16, 8), dtype=np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def test_a_gguf_header_is_read(gguf_model: Path) -> None:
    check(gguf_model.parent, gguf_model.name)
    header = read_header(gguf_model)
    assert (header.architecture, header.tensors, header.values["llama.block_count"]) == ("llama", 2, 2)
    assert header.bytes_by_type == {"F32": 512, "F16": 256}
    assert gguf_model.stat().st_size - header.needed_bytes in range(32)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda whole: whole[:-300], "integrity.gguf_cut_off"),
        (lambda whole: whole[:100], "integrity.gguf_header"),
        (lambda whole: whole[:8], "integrity.gguf_not"),
        (lambda whole: b"GGML" + whole[4:], "integrity.gguf_not"),
        (lambda whole: whole[:4] + struct.pack("<I", 1) + whole[8:], "integrity.gguf_version"),
        (lambda whole: whole[:8] + struct.pack("<QQ", 2**60, 2**60) + whole[24:], "integrity.gguf_header"),
        (lambda whole: b"", "integrity.empty"),
        (lambda whole: POINTER.encode(), "integrity.lfs_pointer"),
    ],
)
def test_a_broken_gguf_file_is_named(gguf_model: Path, change: Callable[[bytes], bytes], code: str) -> None:
    gguf_model.write_bytes(change(gguf_model.read_bytes()))
    with pytest.raises(ModelError, match=r"small\.gguf") as caught:
        check(gguf_model.parent, gguf_model.name)
    assert caught.value.code == code


def test_a_part_of_a_gguf_model_is_named(gguf_model: Path) -> None:
    part = gguf_model.rename(gguf_model.with_name("small-00001-of-00003.gguf"))
    with pytest.raises(ModelError, match="one of 3 parts"):
        check(part.parent, part.name)
