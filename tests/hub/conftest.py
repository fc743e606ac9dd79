"""A stand-in hub with a tiny real model, and an environment in which it is the only hub there is."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub.standin import StandIn
from tests.hub.tiny import write_model

NAME = "owner/tiny"
CLEARED = (
    "HF_HUB_OFFLINE",
    "TRANSFORMERS_OFFLINE",
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
    "HF_TOKEN",
    "HF_HUB_DISABLE_XET",
    "WORKBENCH_HUB",
    "WORKBENCH_SHARED_MODELS",
    "MODELSCOPE_API_TOKEN",
    *(f"{scheme}_PROXY" for scheme in ("HTTP", "HTTPS", "ALL", "NO")),
    *(f"{scheme}_proxy" for scheme in ("http", "https", "all", "no")),
)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory, demo_models: Path) -> Path:
    """A two-layer Llama in two shards with the demo's tokenizer."""
    tokenizer = next(demo_models.glob("SmolLM2-135M-Instruct-????????"))
    return write_model(tmp_path_factory.mktemp("tiny"), tokenizer)


@pytest.fixture
def hub_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """HF_HOME and MODELSCOPE_CACHE of the test's own, downloads switched on, no proxy and no token."""
    for name in CLEARED:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "ms"))
    monkeypatch.setenv("MODELSCOPE_HOME", str(tmp_path / "ms-home"))
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "60")
    return tmp_path / "hf"


@pytest.fixture
def standin(hub_home: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """The stand-in with the tiny model published as owner/tiny, named by HF_ENDPOINT and MODELSCOPE_ENDPOINT."""
    with StandIn() as hub:
        hub.publish(NAME, tiny_folder)
        hub.repositories[NAME].revisions["main"] |= {
            "pytorch_model.bin": b"never wanted",
            "original/consolidated.safetensors": b"never wanted",
            "modeling_tiny.py": b"raise SystemExit",
        }
        other = json.loads((tiny_folder / "config.json").read_text()) | {"workbench_test": "older"}
        hub.publish(NAME, tiny_folder, "v1", **{"config.json": json.dumps(other).encode()})
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", hub.url)
        yield hub
