"""Checkpoints that are only an outline, and commands that tell what they were given."""

import json
import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

COMMANDS = (
    "vllm", "ray", "python", "text-generation-launcher", "trtllm-serve", "srun", "llama-server", "llama-quantize", "hf",
    "ollama", "tritonserver",
)  # fmt: skip
TOLD = '#!/bin/sh\nprintf "%s\\0" "${0##*/}" "$@" >> "$TOLD"\nprintf "\\1\\0" >> "$TOLD"\n'
SMALL = {
    "model_type": "llama",
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}


def outline(folder: Path, **changes: Any) -> Path:
    """A folder that is a checkpoint to whoever reads only headers."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({**SMALL, **changes}), encoding="utf-8")
    header = json.dumps({"weight": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]}}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    return folder


@pytest.fixture
def checkpoint(tmp_path: Path) -> Callable[..., Path]:
    return lambda name="model", **changes: outline(tmp_path / name, **changes)


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of commands that write down their arguments and do nothing."""
    folder = tmp_path_factory.mktemp("commands")
    for name in COMMANDS:
        file = folder / name
        file.write_text(TOLD, encoding="utf-8")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return folder


@pytest.fixture(scope="session")
def run_script(commands: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[list[str]]]:
    """What a script called, by a real bash: a list of words for each command."""

    def run(text: str, **environment: str) -> list[list[str]]:
        folder = tmp_path_factory.mktemp("script")
        script, told = folder / "serve.sh", folder / "told"
        script.write_text(text, encoding="utf-8")
        before = {**os.environ, "PATH": f"{commands}:/usr/bin:/bin", "TOLD": str(told), **environment}
        done = subprocess.run(
            ["bash", str(script)], cwd=folder, env=before, capture_output=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        assert sorted(path.name for path in folder.iterdir()) == ["serve.sh", "told"]  # nothing else was made
        calls = told.read_bytes().decode("utf-8").split("\0\1\0")[:-1]
        return [call.split("\0") for call in calls]

    return run
