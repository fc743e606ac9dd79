"""Forecasts against real loads, published numbers and the allocator's own count."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import workbench as wb
from workbench.catalog import hf_config, kv_values_per_token, local_model, parameters
from workbench.errors import ConfigError, ModelError
from workbench.forecast import forecast, step_bytes
from workbench.knobs.linears import layout
from workbench.results import Cpu, Gpu, Machine, ModelFacts, ThreadChoice, Torch
from workbench.words import say

WORK = wb.Workload(prompt_tokens=256, new_tokens=64)


def a_machine(**changes: Any) -> Machine:
    values: dict[str, Any] = {
        "label": "test",
        "platform": "Linux",
        "python": "3.11",
        "cpu": Cpu(
            name="cpu", cores=4, logical_cores=8, features=(), memory_bytes=16 * 10**9, available_bytes=8 * 10**9
        ),
        "gpus": (),
        "torch": None,
        "packages": (),
        "free_disk_bytes": 10**12,
        "copy_bandwidth": {"cpu:1": 20e9, "cpu:4": 40e9},
    }
    return Machine(**{**values, **changes})


def with_gpu(capability: tuple[int, int] = (9, 0), **changes: Any) -> Machine:
    return a_machine(
        gpus=(Gpu(index=0, name="H100", memory_bytes=80 * 10**9, capability=capability),),
        torch=Torch(version="2.13.0", cuda_runtime="13.0", cuda_available=True),
        **changes,
    )


def codes(found: wb.forecast.Forecast) -> set[str]:
    return {message.code for message in found.estimated}


@pytest.mark.parametrize(
    ("slug", "gigabytes", "kv_per_token"),
    [
        ("deepseek-llm-7b-base", 13.82, 491_520),
        ("deepseek-coder-1.3b-base", 2.69, 196_608),
        ("deepseek-coder-6.7b-base", 13.48, 524_288),
        ("deepseek-r1-distill-qwen-1.5b", 3.55, 28_672),
        ("deepseek-r1-distill-qwen-7b", 15.23, 57_344),
        ("deepseek-r1-distill-llama-8b", 16.06, 131_072),
    ],
)
def test_weights_and_cache_are_the_published_ones(slug: str, gigabytes: float, kv_per_token: int) -> None:
    found = forecast(slug, wb.Config(dtype="bfloat16"), WORK)
    assert round(found.weights / 1e9, 2) == gigabytes
    assert found.kv_cache == 320 * kv_per_token
    full = forecast(slug, wb.Config(dtype="float32"), WORK)
    assert (full.weights, full.kv_cache) == (2 * found.weights, 2 * found.kv_cache)


def test_the_cache_grows_with_rows_and_length_and_nothing_else_does() -> None:
    one = forecast("deepseek-llm-7b-base", workload=WORK)
    four = forecast("deepseek-llm-7b-base", workload=WORK.replace(batch_size=4))
    assert (four.kv_cache, four.weights) == (4 * one.kv_cache, one.weights)
    assert one.total == one.weights + one.kv_cache + one.workspace


def test_a_7b_on_a_catalogued_gpu() -> None:
    found = forecast("deepseek-llm-7b-base", wb.Config(), WORK, on="rtx-4090")
    parts = parameters(hf_config("deepseek-llm-7b-base"))
    step = 2 * (parts.total - parts.embedding) + 491_520 * (256 + 32)
    assert found.decode_limit_tps == pytest.approx(1008e9 / step)
    assert found.fits is True
    assert found.available == 24_000_000_000
    assert any("vendor's" in str(message) for message in found.estimated)
    assert forecast("deepseek-llm-7b-base", wb.Config(dtype="float32"), WORK, on="rtx-4090").fits is False


def test_gpt_fast_on_a100_stays_below_the_limit() -> None:
    llama = {**hf_config("deepseek-llm-7b-base"), "num_hidden_layers": 32, "vocab_size": 32000}
    found = forecast(
        llama, wb.Config(dtype="bfloat16"), wb.Workload(prompt_tokens=5, new_tokens=200), on="a100-80gb-sxm"
    )
    assert found.decode_limit_tps is not None
    assert 0.6 < 104.9 / found.decode_limit_tps < 0.9  # published: 104.9 tok/s for Llama-2-7B in bfloat16


def test_only_the_experts_that_are_chosen_are_read() -> None:
    config, one = wb.Config(dtype="bfloat16"), wb.Workload(prompt_tokens=2, new_tokens=2)
    v2 = parameters(hf_config("deepseek-v2-lite"))
    kv = 2 * kv_values_per_token(hf_config("deepseek-v2-lite")) * 3
    assert step_bytes("deepseek-v2-lite", "bfloat16", one) == 2 * v2.active + kv
    found = forecast("deepseek-v2-lite", config, one, on="h100-sxm")
    assert found.decode_limit_tps == pytest.approx(3350e9 / (2 * v2.active + kv))
    assert "model.experts_estimated" in codes(found)
    rows = forecast("deepseek-v2-lite", config, one.replace(batch_size=8), on="h100-sxm")
    assert rows.decode_limit_tps is not None
    assert found.decode_limit_tps is not None
    assert found.decode_limit_tps < rows.decode_limit_tps < 8 * found.decode_limit_tps


def test_fp8_checkpoints_are_one_byte_where_the_device_can_and_two_where_not() -> None:
    parts, known = parameters(hf_config("deepseek-v3")), layout(hf_config("deepseek-v3"))
    assert known is not None
    one_byte = sum(layer.values for layer in known.layers)  # tables, norms and routers are not
    blocks = sum(
        max(layer.experts, 1) * math.ceil(layer.rows / 128) * math.ceil(layer.columns / 128) for layer in known.layers
    )
    on_hopper = forecast("deepseek-v3", machine=with_gpu())
    assert on_hopper.weights == one_byte + 4 * blocks + 2 * (parts.total - one_byte)
    assert on_hopper.format == "fp8"
    assert on_hopper.quantized_share == pytest.approx(0.997, abs=1e-3)
    assert on_hopper.kv_cache == 320 * 70_272  # the cache is 16-bit all the same
    for machine in (a_machine(), with_gpu((8, 0))):
        found = forecast("deepseek-v3", machine=machine)
        assert found.weights == 2 * parts.total
        assert "model.fp8_dequantised" in codes(found)
        assert found.format == "none"
    in_full = forecast("deepseek-v3", wb.Config(quantization="none"), machine=with_gpu())
    assert in_full.weights == 2 * parts.total


def test_an_unknown_checkpoint_dtype_is_told() -> None:
    assert "model.dtype_assumed" in codes(forecast("deepseek-v3.2-exp"))


def test_without_a_machine_nothing_is_made_up() -> None:
    found = forecast("deepseek-llm-7b-base")
    assert (found.available, found.fits, found.decode_limit_tps) == (None, None, None)
    assert "model.no_machine" in codes(found)


@pytest.mark.parametrize(
    ("threads", "choice", "bandwidth"),
    [(1, None, 20e9), (4, 1, 40e9), ("auto", 4, 40e9), ("auto", 1, 20e9), ("auto", None, 40e9), (2, None, None)],
)
def test_the_limit_uses_the_bandwidth_of_the_threads_in_force(
    threads: Any, choice: int | None, bandwidth: float | None
) -> None:
    chosen = choice and ThreadChoice(
        threads=choice, omp_wait_policy="PASSIVE", seconds={}, reason=say("capability.no_gpu")
    )
    found = forecast("deepseek-coder-1.3b-base", wb.Config(threads=threads), WORK, a_machine(threads=chosen))
    if bandwidth is None:
        assert found.decode_limit_tps is None
        assert "model.no_bandwidth" in codes(found)
    else:
        step = step_bytes("deepseek-coder-1.3b-base", "bfloat16", WORK)
        assert found.decode_limit_tps == pytest.approx(bandwidth / step)


def test_a_reload_gives_back_what_is_resident() -> None:
    config = wb.Config(device="cpu")
    assert forecast("deepseek-llm-7b-base", config, WORK, a_machine()).fits is False
    again = forecast("deepseek-llm-7b-base", config, WORK, a_machine(), resident_bytes=7 * 10**9)
    assert (again.fits, again.available) == (True, 15 * 10**9)


@pytest.mark.parametrize("device", ["auto", "cuda", "cuda:0"])
def test_a_gpu_of_this_machine(device: str) -> None:
    machine = with_gpu(copy_bandwidth={"cuda:0": 3e12})
    found = forecast("deepseek-llm-7b-base", wb.Config(device=device), WORK, machine)
    assert found.available == 80 * 10**9
    assert found.decode_limit_tps == pytest.approx(3e12 / step_bytes("deepseek-llm-7b-base", "bfloat16", WORK))
    assert forecast("deepseek-llm-7b-base", wb.Config(device=device), WORK, with_gpu()).decode_limit_tps is None
    beyond = forecast("deepseek-llm-7b-base", wb.Config(device="cuda:1"), WORK, machine)
    assert (beyond.available, beyond.fits) == (None, None)


def test_memory_that_others_hold_is_not_available() -> None:
    card = Gpu(index=0, name="H100", memory_bytes=80 * 10**9, capability=(9, 0), free_bytes=10 * 10**9)
    machine = with_gpu().model_copy(update={"gpus": (card,)})
    found = forecast("deepseek-llm-7b-base", wb.Config(), WORK, machine)
    assert (found.available, found.fits) == (10 * 10**9, False)
    assert "model.gpu_memory_whole" not in codes(found)
    reloaded = forecast("deepseek-llm-7b-base", wb.Config(), WORK, machine, resident_bytes=14 * 10**9)
    assert (reloaded.available, reloaded.fits) == (24 * 10**9, True)
    assert "model.gpu_memory_whole" in codes(forecast("deepseek-llm-7b-base", wb.Config(), WORK, with_gpu()))


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ModelError, match="deepseek-v2-lite"):
        forecast("deepseek-v2-light")
    with pytest.raises(ConfigError, match="rtx-4090"):
        forecast("deepseek-v3", on="rtx-4091")
    with pytest.raises(ModelError, match="deepseek_v4"):
        forecast("deepseek-v4-flash-base")


def facts(shape: dict[str, Any], dtype_bytes: int, **changes: Any) -> ModelFacts:
    """What a worker would say of a loaded model of that shape."""
    parts = parameters(shape)
    values: dict[str, Any] = {
        "name": "loaded",
        "model_type": shape["model_type"],
        "architecture": "Any",
        "parameters": parts.total,
        "layers": shape["num_hidden_layers"],
        "hidden_size": shape["hidden_size"],
        "heads": shape["num_attention_heads"],
        "kv_heads": shape["num_key_value_heads"],
        "head_dim": 1,
        "context_length": 1,
        "vocab_size": shape["vocab_size"],
        "kv_bytes_per_token": dtype_bytes * kv_values_per_token(shape),
        "weight_bytes": dtype_bytes * (parts.total - (0 if parts.tied else parts.embedding)),
    }
    return ModelFacts(**{**values, **changes})


@pytest.mark.parametrize("slug", ["deepseek-llm-7b-base", "deepseek-v2-lite"])
@pytest.mark.parametrize("dtype_bytes", [2, 4])
def test_a_loaded_model_forecasts_as_its_slug(slug: str, dtype_bytes: int) -> None:
    config = hf_config(slug)
    known = facts(config, dtype_bytes, config=config)
    for dtype in ("float32", "bfloat16"):
        asked = wb.Config(dtype=dtype)
        assert forecast(known, asked, WORK, on="h200") == forecast(slug, asked, WORK, on="h200")
    as_loaded = forecast(known, wb.Config(dtype="auto"), WORK)
    assert as_loaded.weights == dtype_bytes * known.parameters
    told = known.model_copy(update={"checkpoint_dtype": "bfloat16"})
    assert forecast(told, wb.Config(dtype="auto"), WORK).weights == 2 * known.parameters


@pytest.mark.parametrize("tied", [False, True])
def test_a_loaded_model_without_its_config_still_counts_its_weights(tied: bool) -> None:
    config = {**hf_config("deepseek-llm-7b-base"), "tie_word_embeddings": tied}
    found = forecast(facts(config, 2), wb.Config(), WORK, on="h200")
    whole = forecast(config, wb.Config(dtype="bfloat16"), WORK, on="h200")
    assert (found.weights, found.kv_cache) == (whole.weights, whole.kv_cache)
    assert found.decode_limit_tps == pytest.approx(whole.decode_limit_tps)


def test_a_local_directory_of_an_unknown_architecture_is_counted_from_its_header(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        '{"model_type": "mistral", "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2,'
        ' "num_hidden_layers": 3, "vocab_size": 100}'
    )
    save_file({"w": torch.zeros(10, 64, dtype=torch.float16)}, tmp_path / "model.safetensors")
    found = forecast(str(tmp_path), workload=WORK)
    assert found.weights == 2 * 640
    assert found.kv_cache == 320 * 2 * (3 * 2 * 2 * 16)
    assert forecast(local_model(tmp_path), workload=WORK) == found


@pytest.mark.model
def test_the_demo_model_takes_what_was_forecast(demo_home: Path) -> None:
    """Weights to the byte, cache to the byte, the prefill's peak within 15 % as the allocator counts it."""
    from torch.profiler import ProfilerActivity, profile
    from transformers import AutoModelForCausalLM

    from workbench.engine.demo import ensure_demo

    path, tokens = ensure_demo(), 1024
    work = wb.Workload(prompt_tokens=tokens, new_tokens=2)
    found = forecast(path, wb.Config(attention="sdpa"), work)
    model = AutoModelForCausalLM.from_pretrained(path, dtype="auto", attn_implementation="sdpa").eval()
    assert found.weights == sum(parameter.nbytes for parameter in model.parameters())

    ids = torch.randint(0, 40_000, (1, tokens), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        model(ids[:, :8])
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
            made = model(ids, logits_to_keep=1, use_cache=True)
    cache = sum(part.nbytes for layer in made.past_key_values.layers for part in (layer.keys, layer.values))
    assert found.kv_cache == cache // tokens * (tokens + 2)
    held = peak = 0
    assert seen.profiler is not None
    assert seen.profiler.kineto_results is not None
    for event in sorted(seen.profiler.kineto_results.events(), key=lambda event: event.start_ns()):
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    assert found.workspace == pytest.approx(peak - cache, rel=0.15)
