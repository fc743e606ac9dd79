"""Results as a session would have them, models in name only and one of a single layer, and what runs exported files."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from tests.export.running import Ask, forking
from workbench.catalog.random_names import parse
from workbench.engine import random_model
from workbench.results import Latencies, Measurement, Resolved, WarmUp, Workload

HUB_ID = "deepseek-ai/deepseek-llm-7b-base"


def bare_model(folder: Path) -> str:
    """A directory that passes for a model as long as nobody loads it."""
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    return str(folder)


def _resolved(**changes: object) -> Resolved:
    values: dict[str, object] = {
        "attention": "sdpa",
        "dtype": "float32",
        "bytes_by_dtype": {"float32": 1000},
        "device_map": {"cpu": 10},
        "cache": "dynamic",
        "threads": 1,
        "pad_token_id": 2,
        "eos_token_ids": (2,),
        "padding_side": "left",
        "sampling": {"do_sample": False},
    }
    return Resolved(**{**values, **changes})  # type: ignore[arg-type]


def _measurement(**changes: object) -> Measurement:
    values: dict[str, object] = {
        "ttft_s": 0.0853,
        "tpot_s": 0.0599,
        "itl_s": Latencies(p50=0.0597, p90=0.0641, p99=None, n=45),
        "decode_tps": 16.68,
        "prefill_tps": 751.2,
        "e2e_s": 0.984,
        "peak_bytes": 269_484_032,
        "peak_method": "VmHWM",
        "ci95": {"decode_tps": (16.21, 17.13), "ttft_s": (0.083, 0.0876)},
        "samples": {"decode_tps": (16.2, 16.9, 16.94)},
        "repeats": 3,
        "warm_up": WarmUp(first_call_s=1.2, runs=1),
        "own_share": 0.001,
        "stopped_by": "precision",
        "workload": Workload(prompt_tokens=64, new_tokens=16),
        "resolved": _resolved(),
    }
    return Measurement(**{**values, **changes})  # type: ignore[arg-type]


@pytest.fixture
def resolved() -> Callable[..., Resolved]:
    return _resolved


@pytest.fixture
def measurement() -> Callable[..., Measurement]:
    return _measurement


@pytest.fixture(scope="session")
def random_llama(tmp_path_factory: pytest.TempPathFactory, demo_home: Path) -> Path:
    """One layer with random weights and the demo's tokenizer, which the engine opens as any model. Read it only."""
    folder = tmp_path_factory.mktemp("llama")
    spec = parse("random:deepseek-llm-7b-base?scale=tiny&layers=1")
    for part in random_model.build(spec, torch.float32, torch.device("cpu")):
        part.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """What an exported file says, in a process of its own."""
    with forking(tmp_path_factory.mktemp("forking")) as ask:
        yield ask
