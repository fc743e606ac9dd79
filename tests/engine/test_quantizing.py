"""Quantised by the libraries while loading: what is in force, what stays in full, and refusals that change nothing."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import workbench as wb
from workbench.catalog.sources import find
from workbench.config import Config
from workbench.engine.census import count
from workbench.engine.engine import Engine
from workbench.engine.quantizing import Plan, bnb, library
from workbench.engine.quantizing.outline import Linear, Outline
from workbench.errors import CapabilityError, ConfigError, ModelError
from workbench.knobs.formats import FORMATS
from workbench.probes.context import Context

pytestmark = pytest.mark.model

LLAMA = "random:deepseek-llm-7b-base?scale=tiny&layers=2"
MLA = "random:deepseek-v2-lite?scale=tiny"
MODULES = {"optimum-quanto": "optimum.quanto", "hqq": "hqq", "bitsandbytes": "bitsandbytes", "torchao": "torchao"}
QUICK = ("bnb-int8", "bnb-nf4", "torchao-int8-weight")
SLOW = ("bnb-fp4", "torchao-int8-dynamic", "torchao-int4-weight", "torchao-float8", "hqq-int4", "hqq-int8")
SLOW += ("quanto-int8", "quanto-int4")
EVERY = [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]


def context() -> Context:
    return Context(lambda _name, _data: None)


def needs(name: str) -> None:
    """Skips where the format's package is not installed: hqq and quanto are extras."""
    module = MODULES[FORMATS[name].package]
    try:
        found = importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        found = False
    if not found:
        pytest.skip(f"{FORMATS[name].package} is not installed (extra: quant)")


@pytest.fixture(scope="module")
def opened(demo_home: Path) -> Iterator[Engine]:
    """One engine for tests that put a config of their own in force."""
    before = torch.get_num_threads()
    engine = Engine()
    engine.open(find(LLAMA), Config(dtype="bfloat16"), context())
    yield engine
    engine.close()
    torch.set_num_threads(before)


def logits(engine: Engine) -> torch.Tensor:
    with engine.in_force():
        found: torch.Tensor = engine.model(torch.arange(1, 33)[None]).logits.float()
    return found


def linears(engine: Engine) -> dict[str, Any]:
    return {name: module for name, module in engine.model.named_modules() if hasattr(module, "in_features")}


@pytest.mark.parametrize("name", EVERY)
def test_a_format_is_loaded_read_back_and_lives(opened: Engine, name: str) -> None:
    needs(name)
    opened.apply(Config(dtype="bfloat16", quantization="none"), context())
    full, reference = opened.resolved(), logits(opened)
    assert (full.quantization, full.quantized_share) == ("none", 0.0)
    parameters = opened.facts.parameters

    applied = opened.apply(Config(dtype="bfloat16", quantization=name), context())
    resolved = applied.resolved
    assert (applied.cost, resolved.quantization, resolved.dtype) == ("reload", name, "bfloat16")
    assert resolved.differences(opened.config) == ()
    layers = sum(module.in_features * module.out_features for module in linears(opened).values()) - 49152 * 128
    assert resolved.quantized_share == pytest.approx(layers / parameters)
    assert opened.facts.parameters == parameters  # a packed byte holds two

    bits, saved = FORMATS[name].bits, full.weight_bytes - resolved.weight_bytes
    assert saved == pytest.approx(layers * (16 - bits) / 8, rel=0.12)  # the scales take the rest
    assert opened.facts.weight_bytes < full.weight_bytes
    assert sum(share.bytes for share in opened.loaded) == pytest.approx(resolved.weight_bytes, rel=0.01)

    # of random weights, whose error is all rounding: seen 0.01 to 0.09 with 8 bits, below 0.4 with 4
    error = float((logits(opened) - reference).norm() / reference.norm())
    assert 0 < error < (0.12 if bits == 8 else 0.5)

    switched = opened.apply(opened.config.replace(attention="eager"), context())
    assert (switched.cost, switched.resolved.attention, switched.resolved.quantization) == ("live", "eager", name)
    assert len(opened.generate(context(), ["The sea", "A much longer line of text"], 4)[0].token_ids) == 4


@pytest.mark.parametrize("name", EVERY)
def test_the_head_is_quantised_where_it_is_asked(opened: Engine, name: str) -> None:
    needs(name)
    plain = Config(dtype="bfloat16", quantization=name)
    opened.apply(plain, context())
    before, reference, parameters = opened.resolved(), logits(opened), opened.facts.parameters
    assert before.quantization_settings["quantize_head"] is False
    resolved = opened.apply(plain.replace(quantize_head=True), context()).resolved
    assert resolved.quantization_settings["quantize_head"] is True
    assert resolved.differences(opened.config) == ()
    assert {share.format for share in count(opened.model) if share.role == "head"} == {
        share.format for share in count(opened.model) if share.role == "mlp"
    }
    table, bits = 49152 * 128, FORMATS[name].bits
    assert resolved.quantized_share == pytest.approx(before.quantized_share + table / parameters)
    assert before.weight_bytes - resolved.weight_bytes == pytest.approx(table * (16 - bits) / 8, rel=0.12)
    assert opened.facts.parameters == parameters
    error = float((logits(opened) - reference).norm() / reference.norm())
    assert 0 < error < (0.12 if bits == 8 else 0.5)
    assert len(opened.generate(context(), ["The sea", "A much longer line of text"], 4)[0].token_ids) == 4


def test_a_head_whose_rows_the_group_does_not_divide_stays_and_that_is_told(opened: Engine) -> None:
    config = Config(dtype="bfloat16", quantization="torchao-int4-weight", group_size=32, quantize_head=True)
    head = Outline.of(opened.model).head
    assert (head.name, head.rows, head.columns) == ("lm_head", 49152, 128)
    odd = Outline(("lm_head",), (), frozenset(), Linear("lm_head", 100, 48))
    plan = Plan.of(config, lambda: odd, torch.device("cpu"), torch.bfloat16)
    assert not plan.head
    assert "100 × 48" in str(plan.why["quantize_head"])
    assert plan.finish(opened.model) is opened.model
    none = Plan.of(config, lambda: Outline((), (), frozenset(), None), torch.device("cpu"), torch.bfloat16)
    assert none.why["quantize_head"].code == "quantize.no_head"


@pytest.mark.parametrize("name", EVERY)
def test_experts_and_latent_attention_are_run(demo_home: Path, name: str) -> None:
    needs(name)
    engine = Engine()
    before = torch.get_num_threads()
    engine.open(find(MLA), Config(dtype="bfloat16", quantization=name), context())
    try:
        resolved = engine.resolved()
        assert (resolved.quantization, resolved.dtype) == (name, "bfloat16")
        assert resolved.quantized_share < 0.1  # fused experts are no linear layers
        latent = linears(engine)["model.layers.0.self_attn.kv_b_proj"]
        in_full = hasattr(latent, "weight") and type(latent.weight.data) is torch.Tensor
        assert (in_full and latent.weight.dtype == torch.bfloat16) == (name == "bnb-int8")
        assert ("skip_modules" in resolved.why) == (name == "bnb-int8")
        assert len(engine.generate(context(), ["The sea"], 3)[0].token_ids) == 3
    finally:
        engine.close()
        torch.set_num_threads(before)


def test_named_modules_stay_in_full_by_whole_components(opened: Engine) -> None:
    config = Config(dtype="bfloat16", quantization="bnb-nf4", skip_modules=("down_proj", "layers.1.mlp"))
    opened.apply(config, context())
    full = {name for name, module in linears(opened).items() if type(module) is torch.nn.Linear}
    mlp = {f"model.layers.1.mlp.{name}_proj" for name in ("gate", "up", "down")}
    assert full == {"lm_head", "model.layers.0.mlp.down_proj"} | mlp
    opened.apply(config.replace(skip_modules=("layers.*.self_attn",), quantization="torchao-int8-weight"), context())
    kept = {name for name, module in linears(opened).items() if type(module.weight.data) is torch.Tensor}
    assert kept == {"lm_head"} | {f"model.layers.{i}.self_attn.{p}_proj" for i in (0, 1) for p in "qkvo"}


def test_a_name_of_no_module_is_refused_before_anything_is_dropped(opened: Engine) -> None:
    opened.apply(Config(dtype="bfloat16"), context())
    model = opened.model
    with pytest.raises(ConfigError, match=r"called down_prj.*\n.*near it: down_proj"):
        opened.apply(opened.config.replace(quantization="bnb-nf4", skip_modules=("down_prj",)), context())
    with pytest.raises(ConfigError, match="called proj"):  # no component is called so
        opened.apply(opened.config.replace(quantization="bnb-nf4", skip_modules=("proj",)), context())
    assert opened.model is model
    assert opened.config.quantization == "auto"


def test_outliers_are_live(opened: Engine) -> None:
    opened.apply(Config(dtype="bfloat16", quantization="bnb-int8", bnb_threshold=0.0), context())
    model, without = opened.model, logits(opened)
    applied = opened.apply(opened.config.replace(bnb_threshold=0.5), context())
    assert (applied.cost, applied.resolved.quantization_settings) == (
        "live",
        {"bnb_threshold": 0.5, "quantize_head": False},
    )
    assert opened.model is model
    assert not torch.equal(logits(opened), without)
    opened.apply(opened.config.replace(bnb_threshold=0.0), context())
    assert torch.equal(logits(opened), without)


def test_4_bits_are_multiplied_in_what_the_kernel_multiplies_in(opened: Engine) -> None:
    opened.apply(
        Config(dtype="float32", quantization="bnb-nf4", compute_dtype="float32", bnb_double_quant=True), context()
    )
    resolved = opened.resolved()
    told = {difference.knob: difference for difference in resolved.differences(opened.config)}
    head = {"quantize_head": False}
    if bnb._repacks():
        assert resolved.quantization_settings == {**head, "compute_dtype": "bfloat16", "bnb_double_quant": False}
        assert set(told) == {"compute_dtype", "bnb_double_quant"}
        assert all(difference.why for difference in told.values())
        before, now = (
            sum(share.state_bytes for share in shares if share.format == "nf4")
            for shares in (opened.loaded, count(opened.model))
        )
        assert before != now  # double quantised until the first forward pass
    else:
        assert resolved.quantization_settings == {**head, "compute_dtype": "float32", "bnb_double_quant": True}
        assert told == {}


def test_a_library_that_fails_leaves_the_old_model_and_says_the_true_cause(
    opened: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    import bitsandbytes as lib

    opened.apply(Config(dtype="bfloat16", quantization="torchao-int8-weight"), context())
    before = logits(opened)

    def broken(*_: Any, **__: Any) -> Any:
        raise AssertionError("N must be divisible by block_n")

    monkeypatch.setattr(lib.nn.Params4bit, "to", broken)
    with pytest.raises(ModelError, match="AssertionError: N must be divisible by block_n") as raised:
        opened.apply(opened.config.replace(quantization="bnb-nf4"), context())
    assert "For details look at" not in str(raised.value)
    assert opened.resolved().quantization == opened.config.quantization == "torchao-int8-weight"
    assert torch.equal(logits(opened), before)


def test_memory_that_a_library_asks_for_in_vain_is_out_of_memory(
    opened: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    import bitsandbytes as lib

    opened.apply(Config(dtype="bfloat16"), context())

    def full(*_: Any, **__: Any) -> Any:
        raise torch.OutOfMemoryError("Tried to allocate 20.00 GiB")

    monkeypatch.setattr(lib.nn.Params4bit, "to", full)
    with pytest.raises(wb.OutOfMemory, match=r"20\.00 GiB"):
        opened.apply(opened.config.replace(quantization="bnb-nf4"), context())
    assert opened.resolved().quantization == "none"


def test_a_missing_package_is_named(opened: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_self: Any) -> None:
        raise ImportError("No module named 'hqq'")

    maker = library("hqq-int4")
    assert maker is not None
    monkeypatch.setattr(type(maker), "bring_in", absent)
    model = opened.model
    with pytest.raises(CapabilityError, match=r"hqq cannot be imported.*\n.*\n.*pip install -c constraints\.txt hqq"):
        opened.apply(opened.config.replace(quantization="hqq-int4"), context())
    assert opened.model is model


def test_torchao_leaves_the_process_as_it_was(opened: Engine) -> None:
    kept = {"coordinate_descent_tuning": False, "force_fuse_int_mm_with_mul": False}
    with torch._inductor.config.patch(kept):  # type: ignore[no-untyped-call]
        opened.apply(Config(dtype="bfloat16", quantization="torchao-int8-weight"), context())
        assert {name: getattr(torch._inductor.config, name) for name in kept} == kept
    assert torch.get_float32_matmul_precision() == "highest"


def test_nothing_is_logged_at_every_product(opened: Engine, caplog: pytest.LogCaptureFixture) -> None:
    opened.apply(Config(dtype="float32", quantization="bnb-int8"), context())
    opened.generate(context(), ["The sea"], 2)
    assert [record for record in caplog.records if record.name.startswith("bitsandbytes")] == []


def test_shapes_that_the_kernels_refuse_are_known_before_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    maker, cpu = bnb.BitsAndBytes(), torch.device("cpu")
    shapes = {"rows": (48, 128), "columns": (64, 96), "fits": (96, 128)}
    monkeypatch.setattr(bnb, "_repacks", lambda: True)
    outline = Outline((*shapes,), tuple(Linear(name, *shape) for name, shape in shapes.items()), frozenset(), None)
    plan = Plan.of(Config(quantization="bnb-fp4"), lambda: outline, cpu, torch.bfloat16)
    assert plan is not None
    assert plan.kept == ("columns", "rows")
    assert "2 linear layers" in str(plan.why["skip_modules"])
    assert not any(maker.refuses(Config(quantization="bnb-fp4"), one, torch.device("cuda")) for one in outline.linears)
    monkeypatch.setattr(bnb, "_repacks", lambda: False)
    assert not any(maker.refuses(Config(quantization="bnb-fp4"), one, cpu) for one in outline.linears)


def test_a_layer_that_the_kernels_refuse_would_fail(opened: Engine) -> None:
    """The rule above is bitsandbytes' own, tried on its layers."""
    import bitsandbytes as lib

    if not bnb._repacks():
        pytest.skip("this processor has no AVX512-BF16: bitsandbytes repacks nothing")
    for rows, columns in ((48, 128), (64, 96)):
        layer = lib.nn.Linear4bit(columns, rows, bias=False, compute_dtype=torch.bfloat16, quant_type="nf4")
        layer.load_state_dict({"weight": torch.randn(rows, columns)}, strict=False)
        layer = layer.to("cpu").eval().requires_grad_(False)
        with pytest.raises((AssertionError, RuntimeError)):
            layer(torch.randn(1, columns, dtype=torch.bfloat16))
