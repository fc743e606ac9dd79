"""Settings that hold around a call: read back from torch, proved by a forward pass, put back afterwards."""

import threading
from collections.abc import Iterator

import pytest
import torch

from workbench.catalog.sources import find
from workbench.config import Config
from workbench.engine import scope
from workbench.engine.engine import Engine
from workbench.errors import CapabilityError, ConfigError
from workbench.probes.context import Context

pytestmark = pytest.mark.model

TINY = {
    "llama": "random:deepseek-llm-7b-base?scale=tiny&layers=2",
    "qwen2": "random:deepseek-r1-distill-qwen-1.5b?scale=tiny&layers=2",
    "deepseek_v2": "random:deepseek-v2-lite?scale=tiny&layers=2",
    "deepseek_v3": "random:deepseek-v3?scale=tiny&layers=2",
}
PADDED = {
    "input_ids": torch.tensor([[0, 0, 5, 6, 7], [3, 4, 5, 6, 7]]),
    "attention_mask": torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]]),
}


def context() -> Context:
    return Context(lambda _name, _data: None, threading.Event())


@pytest.fixture(scope="module", params=TINY.values(), ids=TINY)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    threads = torch.get_num_threads()
    engine = Engine()
    engine.open(find(request.param), Config(dtype="float32"), context())
    yield engine
    engine.close()
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def defaults(engine: Engine) -> Iterator[None]:
    yield
    engine.apply(Config(dtype="float32"), context())


def new_tokens(engine: Engine, count: int = 6) -> torch.Tensor:
    output: torch.Tensor = engine.produce(PADDED, None, count).sequences
    return output[:, PADDED["input_ids"].shape[1] :]


def logits(engine: Engine) -> torch.Tensor:
    with torch.inference_mode(), engine.in_force():
        return engine.model(**PADDED).logits[:, -1]  # [batch, vocab]


@pytest.mark.parametrize("backend", ["math", "flash"])
def test_a_cpu_kernel_of_sdpa_is_in_force_and_agrees_with_eager(engine: Engine, backend: str) -> None:
    engine.apply(engine.config.replace(attention="eager"), context())
    expected, tokens = logits(engine), new_tokens(engine)
    sdpa = engine.config.replace(attention="sdpa", sdpa_backend=backend)
    if backend == "flash" and engine.facts.model_type.startswith("deepseek"):
        with pytest.raises(CapabilityError, match=r"q,k,v to have the same last dimension"):  # MLA: 192 and 128
            engine.apply(sdpa, context())
        return
    engine.apply(sdpa, context())
    assert engine.resolved().sdpa_backend == backend
    torch.testing.assert_close(logits(engine), expected, atol=2e-4, rtol=2e-4)
    assert torch.equal(new_tokens(engine), tokens)


@pytest.mark.parametrize("backend", ["efficient", "cudnn"])
def test_a_kernel_that_this_device_lacks_is_refused_and_the_old_one_stays(engine: Engine, backend: str) -> None:
    before = engine.resolved()
    with pytest.raises(CapabilityError, match=backend):
        engine.apply(engine.config.replace(sdpa_backend=backend), context())
    assert engine.resolved() == before
    assert new_tokens(engine).shape == (2, 6)


def test_the_choice_of_a_kernel_does_not_outlive_the_call(engine: Engine) -> None:
    engine.apply(engine.config.replace(sdpa_backend="math"), context())
    new_tokens(engine)
    assert torch.backends.cuda.flash_sdp_enabled()
    engine.apply(engine.config.replace(attention="eager"), context())
    assert engine.resolved().sdpa_backend == "auto"
    assert engine.resolved().differences(engine.config) == ()  # the knob has no effect beside eager


def test_an_all_ones_mask_changes_the_padded_row_alone(engine: Engine) -> None:
    right = engine.produce(PADDED, None, 1, output_logits=True).logits[0]
    engine.apply(engine.config.replace(attention_mask="ones"), context())
    wrong = engine.produce(PADDED, None, 1, output_logits=True).logits[0]
    assert (right[0] - wrong[0]).abs().max() > 1e-3
    torch.testing.assert_close(right[1], wrong[1], atol=1e-4, rtol=1e-4)


def test_masks_as_the_knob_says() -> None:
    assert scope.masked(PADDED, "tokenizer") is PADDED
    assert set(scope.masked(PADDED, "none")) == {"input_ids"}
    assert scope.masked(PADDED, "ones")["attention_mask"].min() == 1


def test_autocast_computes_in_the_other_format(engine: Engine) -> None:
    plain = logits(engine)
    engine.apply(engine.config.replace(autocast="bfloat16"), context())
    assert engine.resolved().autocast == "bfloat16"
    cast = logits(engine)
    assert (cast.float() - plain).abs().max() > 1e-5
    assert new_tokens(engine).shape == (2, 6)


def test_flags_of_the_process_are_read_back_and_put_back() -> None:
    before = scope.ProcessFlags.now()
    engine = Engine()
    engine.open(find(TINY["llama"]), Config(dtype="float32", tf32=True, cudnn_benchmark=True), context())
    assert torch.get_float32_matmul_precision() == "high"
    assert (engine.resolved().tf32, engine.resolved().cudnn_benchmark) == (True, True)
    engine.close()
    assert scope.ProcessFlags.now() == before


def test_a_cache_that_is_too_short_is_refused_before_the_run(engine: Engine) -> None:
    engine.apply(engine.config.replace(cache="static", cache_length=10), context())
    assert engine.resolved().cache == "static"
    with pytest.raises(ConfigError, match="11 tokens of prompt and answer do not fit into a cache of 10"):
        new_tokens(engine, 6)
    assert new_tokens(engine, 5).shape == (2, 5)


def test_the_static_cache_has_the_length_that_was_asked_for(engine: Engine) -> None:
    engine.apply(engine.config.replace(cache="static", cache_length=64), context())
    cache = engine.produce(PADDED, None, 2).past_key_values
    assert cache.layers[0].keys.shape[2] == 64
