"""The forecast of a KV cache against one that was really filled."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from workbench.cache_room import kv_cache_bytes, loop_cache_tokens
from workbench.catalog.sources import find
from workbench.config import Config
from workbench.engine.cache_bytes import cache_bytes
from workbench.engine.engine import Engine
from workbench.engine.static_loop import rounded_length
from workbench.errors import CapabilityError
from workbench.probes.context import Context
from workbench.results import Workload

WORK = Workload(prompt_tokens=300, new_tokens=20, batch_size=2)
MODELS = ("random:deepseek-llm-7b-base?scale=tiny&layers=2", "random:deepseek-v2-lite?scale=tiny&layers=2")


def context() -> Context:
    return Context(lambda _name, _data: None, threading.Event())


@pytest.fixture(scope="module", params=MODELS, ids=["mha", "mla"])
def engine(demo_home: Path, request: pytest.FixtureRequest) -> Iterator[Engine]:
    threads = torch.get_num_threads()
    engine = Engine()
    engine.open(find(request.param), Config(dtype="float32"), context())
    yield engine
    engine.close()
    torch.set_num_threads(threads)


@pytest.mark.model
@pytest.mark.parametrize(
    "knobs",
    [
        {"cache": "dynamic"},
        {"cache": "static"},
        {"cache": "static", "cache_length": 512},
        {"cache": "quantized", "cache_backend": "hqq", "cache_bits": 4},
        {"cache": "quantized", "cache_backend": "hqq", "cache_bits": 8},
        {"cache": "quantized", "cache_backend": "fp8"},
    ],
    ids=str,
)
def test_the_forecast_is_what_the_cache_holds(engine: Engine, knobs: dict[str, Any]) -> None:
    if knobs.get("cache_backend") == "hqq":
        pytest.importorskip("hqq", reason="hqq is optional: where it is installed, every start takes seconds longer")
    config = Config(dtype="float32", **knobs)
    if knobs.get("cache_backend") == "hqq" and engine.facts.model_type.startswith("deepseek"):
        before = engine.resolved()
        with pytest.raises(CapabilityError, match="group_size"):  # 64; the tiny model's rotary part has 32 values
            engine.apply(config, context())
        assert engine.resolved() == before
        return
    engine.apply(config, context())
    ids = torch.randint(1, 900, (WORK.batch_size, WORK.prompt_tokens))
    output = engine.produce({"input_ids": ids, "attention_mask": torch.ones_like(ids)}, None, WORK.new_tokens)
    held = cache_bytes(output.past_key_values)
    forecast = kv_cache_bytes(config, WORK, engine.facts.kv_bytes_per_token // 4, 4, engine.facts.layers)
    assert set(held) == {"cpu"}
    assert held["cpu"] == pytest.approx(forecast, rel=0.02)


def test_a_static_cache_has_its_length_whatever_the_work() -> None:
    long = kv_cache_bytes(Config(cache="static", cache_length=4096), WORK, 100, 2, 8)
    assert long == 2 * 4096 * 100 * 2
    assert kv_cache_bytes(Config(compile="default", cache="quantized"), WORK, 100, 2, 8) == 2 * 512 * 100 * 2


@pytest.mark.parametrize("tokens", [1, 255, 256, 257, 300, 512, 513, 5000])
def test_the_compiled_loop_takes_the_forecast_length(tokens: int) -> None:
    assert loop_cache_tokens(Config(compile="default"), tokens) == rounded_length(tokens)


def test_an_offloaded_cache_keeps_two_layers_on_the_device() -> None:
    whole = kv_cache_bytes(Config(), WORK, 100, 2, 8)
    assert kv_cache_bytes(Config(cache="offloaded"), WORK, 100, 2, 8) == whole / 4
    assert kv_cache_bytes(Config(cache="offloaded"), WORK, 100, 2, None) == whole
