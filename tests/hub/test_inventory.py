"""What is found on a machine, whole and damaged, and what is said of it."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from gguf import GGUFWriter
from safetensors.torch import save_file

from tests.test_forecast import a_machine, with_gpu
from workbench.catalog.quantized import summary
from workbench.hub.inventory import inventory
from workbench.results import document
from workbench.results.inventory import Inventory, ModelEntry

LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "torch_dtype": "bfloat16",
}


@pytest.fixture(autouse=True)
def bare(workbench_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing on it; the current folder."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "WORKBENCH_MODELS", "WORKBENCH_SHARED_MODELS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "ms"))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


def make(folder: Path, *, dtype: torch.dtype = torch.bfloat16, shards: int = 1, **changes: Any) -> Path:
    """A folder as a download leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({**LLAMA, **changes}))
    (folder / "tokenizer.json").write_text("{}")
    if shards == 1:
        save_file({"model.embed_tokens.weight": torch.zeros(64, 32, dtype=dtype)}, folder / "model.safetensors")
        return folder
    placed = {}
    for part in range(shards):
        name = f"model-{part + 1:05}-of-{shards:05}.safetensors"
        save_file({f"weight.{part}": torch.zeros(64, 32, dtype=dtype)}, folder / name)
        placed[f"weight.{part}"] = name
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": placed}))
    return folder


def make_gguf(file: Path) -> Path:
    writer = GGUFWriter(file, "llama")
    writer.add_block_count(1)
    writer.add_embedding_length(32)
    writer.add_head_count(4)
    writer.add_tensor("token_embd.weight", torch.zeros(64, 32).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def snapshot(cache: Path, name: str, commit: str = "a" * 40, **changes: Any) -> Path:
    """In the hub client's cache."""
    repository = cache / ("models--" + name.replace("/", "--"))
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    return make(repository / "snapshots" / commit, **changes)


def found(**arguments: Any) -> dict[str, ModelEntry]:
    return {entry.name: entry for entry in inventory(**arguments).entries}


def test_a_bare_machine_has_the_demo_and_the_catalogue() -> None:
    listed = inventory(a_machine())
    demo, *others = listed.entries
    assert (demo.name, demo.format, demo.problem) == ("demo", "gguf", None)
    assert demo.parameters == 134_515_008
    assert demo.fits is True
    assert {entry.place for entry in others} == {"catalogue"}
    assert (listed.device, listed.available_bytes, listed.unreadable) == ("cpu", 8 * 10**9, ())


def test_models_in_the_current_folder_are_named_as_a_session_takes_them(bare: Path) -> None:
    make(bare / "mine")
    (bare / "not a model").mkdir()
    (bare / "not a model" / "training.bin").write_bytes(b"x")
    (bare / "notes.txt").write_text("x")
    listed = found(machine=a_machine())
    entry = listed["./mine"]
    assert (entry.place, entry.format, entry.dtype, entry.problem) == ("here", "safetensors", "bfloat16", None)
    assert (entry.model_type, entry.model_class) == ("llama", "LlamaForCausalLM")
    assert entry.parameters == 64 * 32
    assert entry.bytes == (bare / "mine" / "model.safetensors").stat().st_size
    assert entry.fits is True
    assert [name for name in listed if "not" in name] == []


def test_named_folders_are_models_or_hold_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare: Path) -> None:
    one, many = make(tmp_path / "one"), tmp_path / "many"
    make(many / "a", dtype=torch.float32)
    many.joinpath("b").mkdir()
    make_gguf(many / "b" / "x.gguf")
    make_gguf(many / "b" / "y.gguf")
    monkeypatch.setenv("WORKBENCH_MODELS", f"{one}:{many}:{tmp_path / 'gone'}")
    monkeypatch.chdir(many)  # what is found twice is listed once
    listed = inventory(a_machine())
    entries = {entry.name: entry for entry in listed.entries if entry.place in ("named", "here")}
    assert set(entries) == {str(one), str(many / "a"), str(many / "b" / "x.gguf"), str(many / "b" / "y.gguf")}
    assert entries[str(many / "a")].dtype == "float32"
    assert entries[str(many / "b" / "x.gguf")].dtype == "F32"
    assert entries[str(many / "b" / "x.gguf")].quantization is None
    assert [message.code for message in listed.unreadable] == ["inventory.no_folder"]


def test_a_folder_below_the_users_own_is_named_without_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "user" / "models" / "mine")
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "user"))
    monkeypatch.setenv("WORKBENCH_MODELS", str(tmp_path / "user" / "models"))
    entry = found()[str(Path("~") / "models" / "mine")]
    assert Path(entry.name).expanduser().is_dir()
    assert (entry.fits, entry.needs_bytes is not None) == (None, True)


def test_the_caches_are_listed_by_hub_id(tmp_path: Path) -> None:
    snapshot(tmp_path / "hf" / "hub", "deepseek-ai/deepseek-llm-7b-base")
    snapshot(tmp_path / "hf" / "hub", "gpt2")
    make(tmp_path / "ms" / "hub" / "deepseek-ai" / "DeepSeek-V2___5")
    listed = found(machine=a_machine())
    assert listed["deepseek-ai/deepseek-llm-7b-base"].place == "huggingface"
    assert listed["gpt2"].place == "huggingface"
    assert listed["deepseek-ai/DeepSeek-V2.5"].place == "modelscope"


def test_of_two_caches_the_whole_copy_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut = snapshot(tmp_path / "hf" / "hub", "org/model", shards=2)
    (cut / "model-00002-of-00002.safetensors").unlink()
    assert found()["org/model"].problem is not None
    make(tmp_path / "shared" / "org" / "model")
    monkeypatch.setenv("WORKBENCH_SHARED_MODELS", str(tmp_path / "shared"))
    entry = found()["org/model"]
    assert (entry.place, entry.problem) == ("shared", None)


def _cut(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-10])


DAMAGE = {
    "cut off": (_cut, "model.damaged_weights"),
    "empty": (lambda folder: (folder / "model.safetensors").write_bytes(b""), "integrity.empty"),
    "no config": (lambda folder: (folder / "config.json").unlink(), "integrity.no_config"),
    "bad config": (lambda folder: (folder / "config.json").write_text("{"), "integrity.not_json"),
    "a list": (lambda folder: (folder / "config.json").write_text("[]"), "integrity.not_json"),
    "other type": (
        lambda folder: (folder / "config.json").write_text('{"model_type": "nobody_knows"}'),
        "model.unknown_architecture",
    ),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "model.no_weights"),
    "no language model": (
        lambda folder: (folder / "config.json").write_text(
            '{"model_type": "bert", "architectures": ["BertForMaskedLM"]}'
        ),
        "model.not_causal",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_model_is_listed_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setenv("WORKBENCH_MODELS", str(tmp_path / "models"))
    break_it, code = DAMAGE[damage]
    break_it(make(tmp_path / "models" / "x"))
    (entry,) = (entry for entry in inventory(a_machine()).entries if entry.place == "named")
    assert entry.problem is not None
    assert entry.problem.code == code
    assert "{" not in str(entry.problem)


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_size": "wide"},
        {"hidden_size": 0},
        {"num_attention_heads": None},
        {"architectures": "LlamaForCausalLM"},
        {"quantization_config": [1]},
        {"torch_dtype": {"a": 1}},
        {"num_hidden_layers": -1},
    ],
)
def test_a_config_of_nonsense_is_listed_all_the_same(bare: Path, changes: dict[str, Any]) -> None:
    make(bare / "x", **changes)
    entry = found(machine=a_machine())["./x"]
    assert entry.bytes


def test_a_missing_shard_is_named(bare: Path) -> None:
    make(bare / "x", shards=3)
    (bare / "x" / "model-00002-of-00003.safetensors").unlink()
    entry = found()["./x"]
    assert "model-00002-of-00003.safetensors" in str(entry.problem)


def test_a_cut_off_gguf_is_told(bare: Path) -> None:
    file = make_gguf(bare / "x.gguf")
    file.write_bytes(file.read_bytes()[:-100])
    entry = found()["./x.gguf"]
    assert entry.problem is not None
    assert entry.problem.code == "integrity.gguf_cut_off"


def test_a_pickle_only_model_is_listed_as_one(bare: Path) -> None:
    folder = make(bare / "x")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    entry = found(machine=a_machine())["./x"]
    assert (entry.format, entry.problem, entry.dtype) == ("pickle", None, "bfloat16")
    assert entry.fits is True


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        (None, None),
        ({"quant_method": "gptq", "bits": 4}, "gptq 4-bit"),
        ({"quant_method": "awq", "bits": 4}, "awq 4-bit"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}, "bitsandbytes nf4"),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "bitsandbytes 8-bit"),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "fp8"),
        ({}, "unknown"),
    ],
)
def test_quantisation_in_words(stated: Any, words: str | None) -> None:
    assert summary(stated) == words


def test_packed_weights_count_as_they_lie_on_disk(bare: Path) -> None:
    plain = make(bare / "plain")
    make(bare / "packed", quantization_config={"quant_method": "gptq", "bits": 4})
    listed = found(machine=a_machine())
    assert listed["./packed"].quantization == "gptq 4-bit"
    assert listed["./packed"].parameters is None
    assert listed["./packed"].needs_bytes is not None
    assert listed["./packed"].needs_bytes >= (plain / "model.safetensors").stat().st_size


def test_what_fits_is_told_by_the_device_that_would_be_taken(bare: Path) -> None:
    machine = with_gpu()
    card = machine.gpus[0].model_copy(update={"free_bytes": 5 * 10**9})
    listed = inventory(machine.model_copy(update={"gpus": (card,)}))
    assert (listed.device, listed.available_bytes) == ("cuda:0", 5 * 10**9)
    entries = {entry.name: entry for entry in listed.entries}
    assert entries["random:deepseek-coder-1.3b-base"].fits is True
    assert entries["random:deepseek-llm-7b-base"].fits is False, "others hold the rest of the GPU"
    assert entries["random:deepseek-v4-flash-base"].fits is None, "no formula for it"


def test_the_list_crosses_a_border_and_brings_no_torch(bare: Path) -> None:
    make(bare / "mine")
    given = inventory(a_machine())
    assert Inventory.from_json(given.to_json()) == given
    json.dumps(document("models", result=given))
    code = "import sys; from workbench.hub.inventory import inventory; inventory(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-P", "-c", code], check=True)


def test_fifty_models_take_no_time_worth_mentioning(bare: Path) -> None:
    for number in range(50):
        make(bare / f"model-{number}", shards=4)
    inventory(a_machine())  # imports, and the list of known types
    before = time.process_time()
    assert len(found(machine=a_machine())) > 50
    assert time.process_time() - before < 5, "seconds of this process alone; about 0.1 are usual"
