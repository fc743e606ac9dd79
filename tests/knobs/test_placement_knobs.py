"""Spreading a model over devices and ranks: the values people write, and what machines and models can do."""

from typing import Any

import pytest

import workbench as wb
from tests.knobs.test_knobs import A100, CUDA_TORCH, ask, machine, model
from workbench.knobs import Budgets, parse, written
from workbench.knobs.budgets import budgets_of
from workbench.knobs.capability_tensor_parallel import indivisible
from workbench.knobs.machine import environment_of, worker_environment_of
from workbench.results import Machine, ModelFacts, Package

SECOND = A100.model_copy(update={"index": 1})
DIVIDED = A100.model_copy(update={"mig": True})
CPU, ONE, TWO = machine(cores=4), machine((A100,), CUDA_TORCH), machine((A100, SECOND), CUDA_TORCH)
MIG = machine((DIVIDED,), CUDA_TORCH)
NO_ACCELERATE = CPU.model_copy(
    update={"packages": (Package(name="accelerate", purpose="placing", version=None, usable=False),)}
)
MACOS = CPU.model_copy(update={"platform": "macOS 15.1 arm64"})
COLWISE = {"layers.*.self_attn.q_proj": "colwise", "layers.*.self_attn.k_proj": "colwise"}
CUT = model(tp_plan=COLWISE, config={"num_attention_heads": 8, "num_key_value_heads": 2})


@pytest.mark.parametrize(
    ("given", "kept", "bytes_"),
    [
        ("auto", "auto", None),
        ("0=20GiB,1=20GiB,cpu=64GiB", ("0=20GiB", "1=20GiB", "cpu=64GiB"), {0: 20 << 30, 1: 20 << 30, "cpu": 64 << 30}),
        (" cpu = 1.5GiB ; cuda:3=500MB", ("3=500MB", "cpu=1536MiB"), {3: 500 * 10**6, "cpu": 1536 << 20}),
        ({0: "1GIB", "cpu": 4096}, ("0=1GiB", "cpu=4KiB"), {0: 1 << 30, "cpu": 4096}),
        (["10=7", "2=0"], ("2=0B", "10=7B"), {2: 0, 10: 7}),
    ],
)
def test_budgets_are_kept_in_one_form(given: Any, kept: Any, bytes_: Any) -> None:
    config = wb.Config(device_map="auto", max_memory=given)
    assert config.max_memory == kept
    assert budgets_of(kept) == bytes_
    assert wb.Config.from_json(config.to_json()) == config
    assert parse(Budgets(("auto",)), written(Budgets(("auto",)), kept)) == kept


@pytest.mark.parametrize(
    "given",
    [
        "",
        "cpu",
        "gpu=3",
        "disk=4GB",
        "0=1GiB,0=2GiB",
        "0=1GiB,cuda:0=1",
        "0=-3",
        "0=1TiB2",
        {},
        (),
        7,
        [1],
        "cpu=１GiB",
    ],
)
def test_what_is_no_budget_is_refused_by_name(given: Any) -> None:
    with pytest.raises(wb.ConfigError, match="0=20GiB"):
        wb.Config(device_map="auto", max_memory=given)


@pytest.mark.parametrize(
    ("knob", "value", "where", "facts", "others", "ok", "code"),
    [
        ("device_map", "none", CPU, None, {}, True, None),
        ("device_map", "auto", CPU, None, {}, True, "capability.note.placed_cpu"),
        ("device_map", "auto", NO_ACCELERATE, None, {}, False, "machine.package.missing"),
        ("device_map", "auto", ONE, None, {}, True, "capability.note.placed_one"),
        ("device_map", "sequential", TWO, None, {}, True, "capability.note.placed_several"),
        ("device_map", "auto", TWO, None, {"quantization": "bnb-nf4"}, True, "capability.note.placed_quantized"),
        (
            "device_map",
            "auto",
            TWO,
            model(checkpoint_quantization="gptq"),
            {},
            True,
            "capability.note.placed_quantized",
        ),
        ("device_map", "auto", CPU, model(checkpoint_quantization="gptq"), {}, False, "capability.offload_quantized"),
        ("device_map", "auto", MIG, None, {}, True, "capability.note.placed_mig"),
        ("max_memory", "auto", CPU, None, {}, True, None),
        ("max_memory", ("cpu=8GiB",), CPU, None, {}, True, None),
        ("max_memory", ("cpu=17GiB",), CPU, None, {}, False, "capability.budget_above"),
        ("max_memory", ("0=8GiB",), CPU, None, {}, False, "capability.no_gpu"),
        ("max_memory", ("0=8GiB",), ONE, None, {}, True, "capability.note.budget_no_cpu"),
        ("max_memory", ("0=8GiB", "cpu=1GiB"), ONE, None, {}, True, None),
        ("max_memory", ("1=8GiB", "cpu=1GiB"), ONE, None, {}, False, "capability.no_such_gpu"),
        ("max_memory", ("1=8GiB", "cpu=1GiB"), TWO, None, {}, True, None),
        ("max_memory", ("0=81GiB",), TWO, None, {}, False, "capability.budget_above"),
        ("max_memory", ("cpu=999B",), CPU, model(), {}, True, "capability.note.budget_small"),
        ("max_memory", ("cpu=1000B",), CPU, model(), {}, True, None),
        ("tp_plan", "none", MACOS, None, {}, True, None),
        ("tp_plan", "auto", CPU, None, {}, True, None),
        ("tp_plan", "auto", CPU, CUT, {}, True, None),
        ("tp_plan", "auto", MACOS, None, {}, False, "capability.ranks_linux"),
        ("tp_plan", "auto", TWO, CUT, {"device": "cpu"}, False, "capability.ranks_take_gpus"),
        ("tp_plan", "auto", CPU, model(), {}, False, "capability.no_plan"),
        (
            "tp_plan",
            "auto",
            TWO,
            CUT.model_copy(update={"checkpoint_quantization": "fp8"}),
            {},
            False,
            "capability.ranks_quantized",
        ),
        ("tp_size", 2, TWO, CUT, {}, True, None),
        ("tp_size", 2, CPU, CUT, {}, True, "capability.note.ranks_cpu"),
        ("tp_size", 2, MIG, CUT, {}, False, "capability.ranks_mig"),
        ("tp_size", 2, ONE, CUT, {}, False, "capability.ranks_above_gpus"),
        ("tp_size", 3, TWO, None, {}, False, "capability.ranks_above_gpus"),
        ("tp_size", 5, CPU, None, {}, False, "capability.ranks_above_cores"),
        ("tp_size", 4, CPU, CUT, {}, False, "capability.ranks_do_not_divide"),
    ],
)
def test_capability_by_facts(
    knob: str, value: Any, where: Machine, facts: ModelFacts | None, others: dict[str, Any], ok: bool, code: str | None
) -> None:
    found = ask(knob, value, where, facts, **others)
    said = found.note if ok else found.reason
    assert found.ok is ok
    assert (said and said.code) == code
    assert ok or code == "machine.package.missing" or str(found.remedy)
    assert said is None or str(said)


def test_which_numbers_must_divide() -> None:
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "moe_intermediate_size": 6}
    assert indivisible(heads, COLWISE, 2) is None
    assert "num_key_value_heads is 2" in str(indivisible(heads, COLWISE, 4))
    assert "num_attention_heads is 4" in str(indivisible(heads, {"q_proj": "colwise"}, 3))
    experts = {"layers.*.mlp.experts.gate_up_proj": "packed_colwise"}
    assert "moe_intermediate_size is 6" in str(indivisible(heads, experts, 4))
    assert indivisible(heads, experts, 3) is None
    assert indivisible(heads, {"layers.*.mlp.up_proj": "colwise"}, 5) is None  # linear layers need not divide


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"device_map": "auto", "compile": "default"}, "compile"),
        ({"device_map": "auto", "device": "cpu"}, "device"),
        ({"device_map": "auto", "offloaded_layers": 1}, "offloaded_layers"),
        ({"device_map": "auto", "quantization": "hqq-int4"}, "quantization"),
        ({"tp_plan": "auto", "device_map": "auto"}, "device_map"),
        ({"tp_plan": "auto", "device": "cuda:1"}, "device"),
        ({"tp_plan": "auto", "cache": "offloaded"}, "cache"),
        ({"tp_plan": "auto", "speculation": "prompt_lookup"}, "speculation"),
        ({"tp_plan": "auto", "quantization": "bnb-int8"}, "quantization"),
    ],
)
def test_what_cannot_stand_together(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(wb.ConfigError, match=named):
        wb.Config(**changes)


def test_ranks_ask_for_a_worker_of_their_own_and_scripts_for_torchrun() -> None:
    cut = wb.Config(tp_plan="auto", tp_size=4)
    assert worker_environment_of(cut)["WORLD_SIZE"] == "4"
    assert environment_of(cut) == {}  # torchrun sets it for an exported file
    assert worker_environment_of(wb.Config(tp_size=4)) == {}
