"""Limits by hand arithmetic, on configs small enough to count: dense with grouped queries, MLA, routed experts."""

from typing import Any

import pytest

import workbench as wb
from tests.charts.samples import measurement, resolved
from workbench.limits import limits_of, product_formats, product_rate, work_of
from workbench.results import (
    Ceilings,
    Launch,
    MatmulRate,
    ModelFacts,
    PhaseWork,
    RoutedExperts,
    Scan,
    ScanLine,
    ScanPoint,
    of_bandwidth,
)
from workbench.roofline import points_of, roof
from workbench.words import say

WORK = wb.Workload(prompt_tokens=10, new_tokens=4, batch_size=3)
HALF = resolved(dtype="bfloat16")
DENSE = {
    "model_type": "llama",
    "vocab_size": 1000,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
}
MIXTURE = {
    **{name: value for name, value in DENSE.items() if name not in ("num_key_value_heads", "head_dim")},
    "model_type": "deepseek_v2",
    "kv_lora_rank": 32,
    "qk_nope_head_dim": 16,
    "qk_rope_head_dim": 8,
    "v_head_dim": 16,
    "n_routed_experts": 8,
    "num_experts_per_tok": 2,
    "n_shared_experts": 1,
    "moe_intermediate_size": 32,
    "first_k_dense_replace": 1,
}
TABLE = 1000 * 64
# attention: query and output 64 × 64 each, keys and values 64 × 32 each; MLP: three of 64 × 128; norms
DENSE_REST = 2 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128 + 2 * 64) + 64
# query 64 × 96, down 64 × 40, up 32 × 128, output 64 × 64, norms; a dense MLP, then shared expert and router
MLA = 2 * (64 * 96 + 64 * 40 + 32 * 128 + 64 * 64)
MIXTURE_REST = MLA + 3 * 64 * 128 + 3 * 64 * 32 + 8 * 64 + 2 * (2 * 64 + 32) + 64
ONE_EXPERT = 3 * 64 * 32


def facts(config: dict[str, Any], parameters: int, kv_bytes: int) -> ModelFacts:
    values: dict[str, Any] = {
        "name": "by hand",
        "model_type": config["model_type"],
        "architecture": "",
        "parameters": parameters,
        "layers": 2,
        "hidden_size": 64,
        "heads": 4,
        "kv_heads": config.get("num_key_value_heads", 4),
        "head_dim": 16,
        "context_length": 4096,
        "vocab_size": 1000,
        "kv_bytes_per_token": kv_bytes,
        "weight_bytes": 2 * (parameters - TABLE),
        "config": config,
    }
    return ModelFacts(**values)


def dense() -> ModelFacts:
    return facts(DENSE, 2 * TABLE + DENSE_REST, kv_bytes=2 * 2 * 2 * 16 * 2)


def mixture(kv_bytes: int = 2 * (32 + 8) * 2) -> ModelFacts:
    return facts(MIXTURE, 2 * TABLE + MIXTURE_REST + 8 * ONE_EXPERT, kv_bytes=kv_bytes)


def ceilings(**changes: Any) -> Ceilings:
    """100 kB/s, 1 MFLOP/s in bfloat16, 3 in float32; 0.1 s an operation."""
    band = of_bandwidth("cpu:1", 1e5).bandwidth
    assert band is not None
    rates = (
        MatmulRate(format="float32", flops_per_s=3e6, ci95=(2e6, 4e6)),
        MatmulRate(format="bfloat16", flops_per_s=1e6, ci95=(0.8e6, 1.25e6)),
        MatmulRate(format="int8", missing="RuntimeError: no such kernel"),
    )
    values: dict[str, Any] = {
        "bandwidth": band.model_copy(update={"ci95": (0.5e5, 2e5)}),
        "matmul": rates,
        "launch": Launch(method="call", seconds=0.1, ci95=(0.08, 0.125)),
        **changes,
    }
    return Ceilings(device="cpu", threads=1, **values)


def codes(work: PhaseWork) -> list[str]:
    return [source.code for source in work.sources]


def test_dense_with_grouped_queries() -> None:
    work = work_of(dense(), HALF, WORK)
    prefill, decode = work["prefill"], work["decode"]
    assert prefill.weight_bytes == decode.weight_bytes == 2 * (DENSE_REST + TABLE)  # the input table is looked up
    assert (prefill.tokens, decode.tokens) == (30, 3)
    assert prefill.kv_bytes == 3 * 10 * 256
    assert decode.kv_bytes == 3 * (10 + 2) * 256
    assert prefill.weight_flops == 2 * (30 * DENSE_REST + 3 * TABLE)  # the head, for one token of each row
    assert decode.weight_flops == 2 * 3 * (DENSE_REST + TABLE)
    a_pair = 2 * 2 * 4 * (16 + 16)  # multiply and add, layers, heads, key and value
    assert prefill.attention_flops == 3 * (10 * 11 / 2) * a_pair
    assert decode.attention_flops == 3 * 12 * a_pair
    assert codes(decode) == ["limits.weights", "limits.kv"]
    assert decode.intensity == (decode.weight_flops + decode.attention_flops) / (decode.weight_bytes + decode.kv_bytes)


@pytest.mark.parametrize(
    ("values", "code"),
    [(2 * (32 + 8), "limits.kv_latent"), (2 * 4 * (16 + 8 + 16), "limits.kv_expanded"), (77, "limits.kv")],
)
def test_mla_reads_the_latent_or_what_was_expanded_as_the_loaded_model_keeps_it(values: int, code: str) -> None:
    work = work_of(mixture(2 * values), HALF, WORK)
    assert work["decode"].kv_bytes == 3 * 12 * 2 * values
    assert work["prefill"].kv_bytes == 30 * 2 * values
    assert codes(work["decode"])[-1] == code
    assert work["decode"].attention_flops == 3 * 12 * 2 * 2 * 4 * (16 + 8 + 16)


def test_of_routed_experts_those_are_read_that_the_rows_chose() -> None:
    counted = RoutedExperts(layers=1, per_layer=8, prefill=6.0, decode=2.5, steps=3)
    work = work_of(mixture(), HALF, WORK, routed=counted)
    rest = 2 * (MIXTURE_REST + TABLE)
    assert work["decode"].weight_bytes == pytest.approx(rest + 2.5 * 2 * ONE_EXPERT)
    assert work["prefill"].weight_bytes == pytest.approx(rest + 6 * 2 * ONE_EXPERT)
    assert work["decode"].weight_flops == 2 * 3 * (MIXTURE_REST + TABLE + 2 * ONE_EXPERT)  # each token passes two
    assert work["prefill"].weight_flops == 2 * (30 * (MIXTURE_REST + 2 * ONE_EXPERT) + 3 * TABLE)
    assert codes(work["decode"])[1] == "limits.experts_counted"
    assert codes(work["prefill"])[1] == "limits.experts_counted_prefill"
    assert "2.5 of 8 a layer and step, over 3 steps" in str(work["decode"].sources[1])


def test_experts_that_were_not_counted_are_the_expected_ones_and_said_so() -> None:
    work = work_of(mixture(), HALF, WORK)
    expected = 8 * (1 - 0.75**3)
    assert work["decode"].weight_bytes == pytest.approx(2 * (MIXTURE_REST + TABLE + expected * ONE_EXPERT))
    assert codes(work["decode"])[1] == "limits.experts_expected"
    assert "forecast's expectation" in str(work["decode"].sources[1])
    only_prefill = RoutedExperts(layers=1, per_layer=8, prefill=6.0, decode=None, steps=0)
    work = work_of(mixture(), HALF, WORK, routed=only_prefill)
    assert [codes(one)[1] for one in work.values()] == ["limits.experts_counted_prefill", "limits.experts_expected"]


def test_where_experts_lie_nobody_knows_there_is_no_floor() -> None:
    strange = dense().model_copy(update={"config": {**DENSE, "model_type": "strange", "num_experts_per_tok": 2}})
    work = work_of(strange, HALF, WORK)
    assert (work["decode"].bytes, work["decode"].flops, work["decode"].intensity) == (None, None, None)
    limit = limits_of(work, ceilings(), HALF)["decode"]
    assert [floor.missing.code for floor in limit.floors if floor.missing] == [
        "limits.no_weights",
        "limits.no_flops",
        "limits.no_trace",
    ]
    assert (limit.binding, limit.tps(), limit.share("memory", 1.0)) == (None, None, None)


def test_a_quantised_cache_is_read_in_its_own_bytes() -> None:
    config = wb.Config(cache="quantized", cache_backend="fp8")
    work = work_of(dense(), resolved(dtype="bfloat16", cache="quantized"), WORK, config)
    assert work["decode"].kv_bytes == 3 * 12 * 256 / 2
    assert codes(work["decode"])[-1] == "limits.kv_quantized"


def test_floors_are_amounts_over_rates_and_the_longest_binds() -> None:
    work = work_of(dense(), HALF, WORK)
    limit = limits_of(work, ceilings(), HALF, {"decode": 7.0})["decode"]
    memory, compute, launches = limit.floors
    assert memory.seconds == pytest.approx(work["decode"].bytes / 1e5)
    assert memory.ci95 == pytest.approx((work["decode"].bytes / 2e5, work["decode"].bytes / 0.5e5))
    assert compute.seconds == pytest.approx(work["decode"].flops / 1e6)
    assert launches.seconds == pytest.approx(7 * 0.1)
    assert launches.ci95 == pytest.approx((7 * 0.08, 7 * 0.125))
    assert limit.binding == memory
    assert limit.tps() == limit.tps("memory") == pytest.approx(3 / memory.seconds)
    assert limit.share("memory", 2 * memory.seconds) == pytest.approx(0.5)
    assert limits_of(work, ceilings(), HALF, {"decode": 100.0})["decode"].binding == launches.model_copy(
        update={"amount": 100.0, "seconds": 10.0, "ci95": pytest.approx((8.0, 12.5))}
    )
    assert limits_of(work, ceilings(), HALF)["prefill"].floor("launches").missing == say("limits.no_trace")


def test_without_ceilings_nothing_is_claimed() -> None:
    limit = limits_of(work_of(dense(), HALF, WORK), None, HALF, {"decode": 7.0})["decode"]
    assert [floor.seconds for floor in limit.floors] == [None] * 3
    assert [floor.missing.code for floor in limit.floors if floor.missing] == [
        "limits.no_bandwidth",
        "limits.no_rate_yet",
        "limits.no_launch",
    ]


@pytest.mark.parametrize(
    ("state", "formats"),
    [
        ({}, ("float32",)),
        ({"dtype": "bfloat16"}, ("bfloat16",)),
        ({"autocast": "bfloat16"}, ("bfloat16",)),
        ({"tf32": True}, ("float32",)),  # a CPU has none
        ({"tf32": True, "device_map": {"cuda:0": 1}}, ("tf32",)),
        ({"quantization": "bnb-int8", "dtype": "float16"}, ("int8", "float16")),
        ({"quantization": "torchao-float8", "dtype": "bfloat16"}, ("float8_e4m3", "bfloat16")),
        ({"quantization": "bnb-nf4", "quantization_settings": {"compute_dtype": "bfloat16"}}, ("bfloat16",)),
        ({"quantization": "bnb-nf4", "quantization_settings": {"compute_dtype": "auto"}}, ("float32",)),
        ({"quantization": "hqq-int4", "dtype": "bfloat16"}, ("bfloat16",)),
    ],
)
def test_products_are_held_against_the_format_that_computes_them(
    state: dict[str, Any], formats: tuple[str, ...]
) -> None:
    assert product_formats(resolved(**state)) == formats


def test_of_two_formats_the_faster_counts_and_one_that_cannot_be_says_why() -> None:
    eight = resolved(quantization="bnb-int8", dtype="float32")
    found = product_rate(ceilings(), eight)
    assert found is not None
    assert found.format == "float32"
    only = ceilings(matmul=(MatmulRate(format="int8", missing="RuntimeError: no such kernel"),))
    floor = limits_of(work_of(dense(), eight, WORK), only, eight)["prefill"].floor("compute")
    assert floor.missing == say("limits.no_rate", format="int8", problem="RuntimeError: no such kernel")
    assert roof(only, eight, 1.0) is None


def test_the_roof_is_the_slope_of_memory_and_then_the_level_of_products() -> None:
    assert roof(ceilings(), HALF, 2.0) == 2e5
    assert roof(ceilings(), HALF, 10.0) == roof(ceilings(), HALF, 1000.0) == 1e6


def test_points_are_what_was_measured_under_their_own_roof() -> None:
    work = work_of(dense(), HALF, WORK)
    ran = measurement(4.0, workload=WORK, work=work, resolved=HALF, prefill_tps=20.0)
    elsewhere = measurement(resolved=resolved(threads=2), work=work)
    (prefill, decode), left_out = points_of([ran, elsewhere], None, ceilings())
    assert left_out == 1
    assert (prefill.phase, decode.phase, decode.of, decode.label) == ("prefill", "decode", "run", "1")
    each = work["decode"].flops / 3
    assert decode.flops_per_s == pytest.approx(4.0 * each)
    assert decode.ci95 == pytest.approx((3.5 * each, 4.75 * each))
    assert decode.intensity == work["decode"].intensity
    assert decode.share == pytest.approx(4.0 * each / min(decode.intensity * 1e5, 1e6))
    assert prefill.flops_per_s == pytest.approx(20.0 * work["prefill"].flops / 30)


def test_a_scans_points_are_those_of_their_own_rows_and_drafts_have_no_decode() -> None:
    one, four = (WORK.replace(batch_size=rows) for rows in (1, 4))
    points = [
        ScanPoint(
            line=0,
            value=work.batch_size,
            rounds=3,
            mean={"prefill_tps": 10.0, "decode_tps": 2.0},
            ci95={},
            ratio={},
            ratio_ci95={},
            peak_bytes=None,
            limit_tps=None,
            work=work_of(dense(), HALF, work),
            workload=work,
            resolved=state,
        )
        for work, state in ((one, HALF), (four, resolved(dtype="bfloat16", speculation="prompt_lookup")))
    ]
    scan = Scan(
        parameter="batch_size",
        values=(1, 4),
        lines=(ScanLine(label="", config={}),),
        points=tuple(points),
        ended_by="values",
        ended=say("scan.all_values"),
        workload=WORK,
        seconds=1.0,
    )
    found, left_out = points_of([], scan, ceilings())
    assert [(point.phase, point.batch_size, point.label) for point in found] == [
        ("prefill", 1, "batch_size 1"),
        ("decode", 1, "batch_size 1"),
        ("prefill", 4, "batch_size 4"),
    ]
    assert (left_out, found[0].ci95) == (0, None)
    assert found[2].intensity > found[0].intensity  # weights are read once for all rows


def test_ceilings_join_part_by_part() -> None:
    first = Ceilings(device="cpu", threads=1, matmul=ceilings().matmul[:2], versions={"torch": "1"}, seconds=1.0)
    newer = ceilings(matmul=(MatmulRate(format="float32", flops_per_s=9e6),), versions={"torch": "2"}, seconds=2.0)
    both = first.joined(newer)
    assert {rate.format: rate.flops_per_s for rate in both.matmul} == {"bfloat16": 1e6, "float32": 9e6}
    assert (both.bandwidth, both.launch, both.seconds) == (newer.bandwidth, newer.launch, 3.0)
    assert both.versions == {"torch": "2"}
    assert not both.whole
    assert both.model_copy(update={"complete": True}).whole
