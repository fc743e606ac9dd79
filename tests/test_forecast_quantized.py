"""Forecasts of quantised models against the census of loaded ones, the published table, and the room they leave."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import torch

import workbench as wb
from tests.test_forecast import WORK, a_machine, codes, with_gpu
from workbench.catalog import GPUS, hf_config
from workbench.catalog.sources import find
from workbench.engine.engine import Engine
from workbench.forecast import forecast, step_bytes
from workbench.knobs.formats import FORMATS
from workbench.probes.context import Context
from workbench.results import Cpu, Forecast, Machine

MADE_HERE = (
    "none", "bnb-int8", "bnb-nf4", "bnb-fp4", "torchao-int8-weight", "torchao-int8-dynamic", "torchao-int4-weight",
    "torchao-float8",
)  # fmt: skip
ELSEWHERE = {"hqq-int4": "hqq", "hqq-int8": "hqq", "quanto-int8": "optimum.quanto", "quanto-int4": "optimum.quanto"}
TINY = ("random:deepseek-llm-7b-base?scale=tiny&layers=2", "random:deepseek-v2-lite?scale=tiny&layers=2")
BUFFERS = 1024  # bytes of rotary frequencies, which no forecast counts


def context() -> Context:
    return Context(lambda _name, _data: None, threading.Event())


def here() -> Machine:
    """A machine with the one thing of this processor that decides: whether 4-bit weights are repacked."""
    from bitsandbytes.functional import has_avx512bf16

    features = ("avx512_bf16",) if has_avx512bf16() else ()
    return a_machine(
        cpu=Cpu(
            name="cpu",
            cores=4,
            logical_cores=8,
            features=features,
            memory_bytes=16 * 10**9,
            available_bytes=8 * 10**9,
        )
    )


@pytest.fixture(scope="module", params=TINY, ids=["llama", "moe"])
def engine(demo_home: Any, request: pytest.FixtureRequest) -> Iterator[Engine]:
    threads = torch.get_num_threads()
    engine = Engine()
    engine.open(find(request.param), wb.Config(device="cpu", dtype="bfloat16"), context())
    yield engine
    engine.close()
    torch.set_num_threads(threads)


def compared(engine: Engine, **knobs: Any) -> Forecast:
    config = wb.Config(device="cpu", dtype="bfloat16", **knobs)
    engine.apply(config, context())
    found = forecast(engine.facts, config, WORK, here())
    resolved = engine.resolved()
    assert 0 <= resolved.weight_bytes - found.weights <= BUFFERS
    assert found.format == resolved.quantization
    assert found.quantized_share == pytest.approx(resolved.quantized_share)
    return found


@pytest.mark.model
@pytest.mark.parametrize("word", MADE_HERE)
def test_weights_are_those_of_the_census(engine: Engine, word: str) -> None:
    """To the byte, in every format, experts and tables left in full included; so 2 % are easily kept."""
    found = compared(engine, quantization=word)
    assert step_bytes(engine.facts, "bfloat16", WORK, word) == pytest.approx(
        step_bytes_asked(engine, found, word), rel=0.02
    )


def step_bytes_asked(engine: Engine, found: Forecast, word: str) -> float:
    """What the decode limit of the forecast was made of, from a machine whose bandwidth is 20 GB/s."""
    config = wb.Config(device="cpu", dtype="bfloat16", quantization=word, threads=1)
    again = forecast(engine.facts, config, WORK, here())
    assert again.weights == found.weights
    assert again.decode_limit_tps is not None
    return 20e9 / again.decode_limit_tps


@pytest.mark.model
@pytest.mark.parametrize(
    "knobs",
    [
        {"quantization": "bnb-nf4", "bnb_double_quant": True},
        {"quantization": "torchao-int4-weight", "group_size": 32},
        {"quantization": "torchao-int4-weight", "group_size": 128},
        {"quantization": "bnb-int8", "skip_modules": ("o_proj", "layers.1")},
        {"quantization": "bnb-nf4", "quantize_head": True},
        {"quantization": "torchao-int8-dynamic", "quantize_head": True},
        {"quantization": "torchao-int4-weight", "group_size": 32, "quantize_head": True},
    ],
    ids=str,
)
def test_sub_knobs_change_the_forecast_as_they_change_the_model(engine: Engine, knobs: dict[str, Any]) -> None:
    plain = forecast(engine.facts, wb.Config(dtype="bfloat16", quantization=knobs["quantization"]), WORK, here())
    assert compared(engine, **knobs).weights != plain.weights


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.parametrize("word", ELSEWHERE)
def test_weights_of_optional_libraries(engine: Engine, word: str) -> None:
    pytest.importorskip(ELSEWHERE[word], reason="an optional package")
    compared(engine, quantization=word)


@pytest.mark.parametrize(
    ("slug", "int8", "nf4", "nf4_double"),
    [
        ("deepseek-llm-7b-base", 7.75, 5.09, 4.82),
        ("deepseek-coder-1.3b-base", 1.48, 0.95, 0.89),
        ("deepseek-coder-6.7b-base", 7.01, 4.17, 3.88),
        ("deepseek-r1-distill-qwen-1.5b", 2.24, 1.67, 1.61),
        ("deepseek-r1-distill-qwen-7b", 8.71, 5.85, 5.55),
        ("deepseek-r1-distill-llama-8b", 9.08, 6.03, 5.71),
    ],
)
def test_gigabytes_of_bitsandbytes_by_arithmetic(slug: str, int8: float, nf4: float, nf4_double: float) -> None:
    """Calculated apart: int8 a byte, nf4 half a byte and 4 ÷ 64 of scales, double 0.37 bits less; tables in 16 bits."""

    def gigabytes(**knobs: Any) -> float:
        return forecast(slug, wb.Config(dtype="bfloat16", **knobs), WORK, on="h200").weights / 1e9

    assert gigabytes(quantization="bnb-int8") == pytest.approx(int8, abs=0.01)
    assert gigabytes(quantization="bnb-nf4") == pytest.approx(nf4, abs=0.01)
    assert gigabytes(quantization="bnb-nf4", bnb_double_quant=True) == pytest.approx(nf4_double, abs=0.015)


def test_experts_that_the_library_leaves_stay_in_the_forecast() -> None:
    full = forecast("deepseek-v2-lite", wb.Config(dtype="bfloat16"), WORK, on="h100-sxm")
    small = forecast("deepseek-v2-lite", wb.Config(dtype="bfloat16", quantization="bnb-nf4"), WORK, on="h100-sxm")
    assert small.weights > 0.94 * full.weights
    assert small.quantized_share < 0.08
    fp8 = forecast("deepseek-v2-lite", wb.Config(dtype="bfloat16", quantization="fp8"), WORK, on="h100-sxm")
    assert fp8.weights < 0.55 * full.weights


@pytest.mark.parametrize("word", [word for word in FORMATS if FORMATS[word].package != "transformers"])
def test_every_format_saves_and_decodes_faster_at_the_limit(word: str) -> None:
    config = wb.Config(dtype="bfloat16")
    full = forecast("deepseek-llm-7b-base", config, WORK, on="rtx-4090")
    small = forecast("deepseek-llm-7b-base", config.replace(quantization=word), WORK, on="rtx-4090")
    assert FORMATS[word].bits / 16 * full.weights < small.weights < 0.6 * full.weights
    assert small.decode_limit_tps is not None
    assert full.decode_limit_tps is not None
    assert small.decode_limit_tps > 1.5 * full.decode_limit_tps
    assert small.kv_cache == full.kv_cache


def test_int4_tiles_are_padded_on_a_gpu() -> None:
    config = wb.Config(dtype="bfloat16", quantization="torchao-int4-weight", device="cpu")
    on_cpu = forecast("deepseek-r1-distill-qwen-1.5b", config, WORK, here()).weights
    on_gpu = forecast("deepseek-r1-distill-qwen-1.5b", config, WORK, on="rtx-4090").weights
    assert on_gpu > on_cpu  # rows of 1,536 become 2,048


@pytest.mark.parametrize("on", ["rtx-4090", "h100-sxm"])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("word", ["none", "bnb-nf4"])
@pytest.mark.parametrize("slug", ["deepseek-llm-7b-base", "deepseek-r1-distill-qwen-7b"])
def test_the_largest_that_fits_fits_and_the_next_does_not(slug: str, word: str, attention: str, on: str) -> None:
    config = wb.Config(dtype="bfloat16", quantization=word, attention=attention)
    found = forecast(slug, config, WORK, on=on)
    assert found.largest_batch is not None
    assert found.largest_context is not None
    assert found.fits == (found.largest_batch >= WORK.batch_size)
    assert forecast(slug, config, WORK.replace(batch_size=found.largest_batch), on=on).fits
    assert not forecast(slug, config, WORK.replace(batch_size=found.largest_batch + 1), on=on).fits
    longest = WORK.replace(prompt_tokens=found.largest_context - WORK.new_tokens)
    assert forecast(slug, config, longest, on=on).fits
    if found.largest_context < hf_config(slug)["max_position_embeddings"]:
        assert not forecast(slug, config, longest.replace(prompt_tokens=longest.prompt_tokens + 1), on=on).fits
    batches = [row.batch_size for row in found.table]
    assert batches == sorted(batches, reverse=True)
    assert [row.context for row in found.table] == sorted({row.context for row in found.table})
    assert found.table[-1].context <= hf_config(slug)["max_position_embeddings"]


def test_what_cannot_fit_at_all_is_said() -> None:
    found = forecast("deepseek-v3", wb.Config(), WORK, on="rtx-4090")
    assert (found.fits, found.largest_batch, found.largest_context) == (False, 0, 0)
    assert found.verdict.code == "forecast.weights_alone"
    assert forecast("deepseek-v3", wb.Config(), WORK).verdict.code == "forecast.unknown"
    assert forecast("deepseek-llm-7b-base", wb.Config(), WORK, on="rtx-4090").verdict.code == "forecast.fits"
    many = forecast("deepseek-llm-7b-base", wb.Config(), WORK.replace(batch_size=512), on="rtx-4090")
    assert many.verdict.code == "forecast.fits_not"
    assert 0 < many.verdict.params["rows"] < 512


def test_unknown_memory_leaves_the_largest_unknown() -> None:
    found = forecast("deepseek-llm-7b-base")
    assert (found.largest_batch, found.largest_context, found.table) == (None, None, ())


@pytest.mark.parametrize("on", GPUS)
def test_every_catalogued_gpu_can_be_asked(on: str) -> None:
    found = forecast("deepseek-r1-distill-qwen-1.5b", wb.Config(quantization="bnb-nf4"), WORK, on=on)
    assert found.fits
    assert "model.vendor_gpu" in codes(found)


def test_an_unknown_architecture_is_estimated_from_the_bits() -> None:
    from tests.test_forecast import facts

    known = facts(hf_config("deepseek-llm-7b-base"), 2)  # a worker that sent no config
    config = wb.Config(dtype="bfloat16", quantization="bnb-nf4")
    found = forecast(known, config, WORK, on="h200")
    assert "model.quantized_roughly" in codes(found)
    assert found.weights == pytest.approx(forecast("deepseek-llm-7b-base", config, WORK, on="h200").weights, rel=0.01)


def test_quantised_files_are_taken_as_they_are() -> None:
    entry = {"quant_method": "gptq", "bits": 4, "group_size": 128}
    config = {**hf_config("deepseek-llm-7b-base"), "dtype": "float16", "quantization_config": entry}
    as_files = forecast(config, wb.Config(), WORK, on="rtx-4090")
    full = forecast(hf_config("deepseek-llm-7b-base"), wb.Config(dtype="float16"), WORK, on="rtx-4090")
    assert as_files.format == "gptq"
    assert 0.3 * full.weights < as_files.weights < 0.4 * full.weights
    entry["quant_method"] = "vptq"
    assert "model.files_in_full" in codes(forecast(config, wb.Config(), WORK, on="rtx-4090"))


def test_fp8_below_its_compute_capability_is_counted_in_full() -> None:
    config = wb.Config(quantization="fp8", dtype="bfloat16")
    assert forecast("deepseek-llm-7b-base", config, WORK, with_gpu((8, 6))).format == "none"
    assert forecast("deepseek-llm-7b-base", config, WORK, with_gpu((8, 9))).format == "fp8"


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.parametrize(
    ("knobs", "tokens"),
    [
        ({"dtype": "float32"}, 256),
        ({"dtype": "bfloat16"}, 1024),
        ({"dtype": "bfloat16", "quantization": "bnb-nf4"}, 1024),
        ({"dtype": "bfloat16", "quantization": "bnb-int8"}, 256),
        ({"dtype": "bfloat16", "quantization": "bnb-int8"}, 1024),
        ({"dtype": "bfloat16", "quantization": "torchao-int8-weight"}, 256),
    ],
    ids=str,
)
def test_the_total_is_the_allocators(demo_home: Any, knobs: dict[str, Any], tokens: int) -> None:
    """Weights by the census and a prefill's peak as the allocator counts it: within 10 % in all."""
    from torch.profiler import ProfilerActivity, profile

    engine, config = Engine(), wb.Config(device="cpu", threads=1, **knobs)
    engine.open(find("demo"), config, context())
    ids = torch.randint(5, 1000, (1, tokens), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        made = engine.model(ids, logits_to_keep=1, use_cache=True)
    held = peak = 0
    assert seen.profiler is not None
    assert seen.profiler.kineto_results is not None
    for event in sorted(seen.profiler.kineto_results.events(), key=lambda event: event.start_ns()):
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    cache = sum(part.nbytes for layer in made.past_key_values.layers for part in (layer.keys, layer.values))
    work = WORK.replace(prompt_tokens=tokens, new_tokens=2)
    found = forecast(engine.facts, config, work, here())
    measured = engine.resolved().weight_bytes + peak
    engine.close()
    assert found.total == pytest.approx(measured, rel=0.1)
    assert found.workspace == pytest.approx(peak - cache, rel=0.15)
