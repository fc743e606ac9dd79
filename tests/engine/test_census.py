"""The census against counts of its own: the files, the catalogue's formulas, and every tensor alive in the process."""

import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM, BitsAndBytesConfig, TorchAoConfig
from transformers.integrations.finegrained_fp8 import FP8Linear

from workbench.catalog import hf_config, local_model, parameters
from workbench.config import Config
from workbench.engine.census import census, count, kept_as
from workbench.knobs.linears import layout
from workbench.results import Census, Share

LLAMA = {**hf_config("deepseek-llm-7b-base", scale="tiny"), "vocab_size": 512}
MOE = {**hf_config("deepseek-v2-lite", scale="tiny"), "vocab_size": 64}
SMALL_CHANGE = 4096  # bytes: code tables that bitsandbytes keeps once a process


def built(config: dict[str, Any], dtype: torch.dtype = torch.bfloat16) -> Any:
    values = dict(config)
    torch.manual_seed(0)
    described = AutoConfig.for_model(values.pop("model_type"), **values)
    return AutoModelForCausalLM.from_config(described, dtype=dtype).eval()


def quantized(config: dict[str, Any], how: Any, dtype: torch.dtype = torch.bfloat16) -> Any:
    full = built(config, dtype)
    return (
        type(full)
        .from_pretrained(
            None,
            config=full.config,
            state_dict=full.state_dict(),
            quantization_config=how,
            dtype=dtype,
            device_map={"": "cpu"},
        )
        .eval()
    )


def forward(model: Any) -> None:
    with torch.no_grad():
        model(torch.arange(1, 9)[None])


def bnb(**options: Any) -> BitsAndBytesConfig:
    return BitsAndBytesConfig(llm_int8_skip_modules=["lm_head", "kv_b_proj"], **options)


def four_bits(kind: str, double: bool = False) -> BitsAndBytesConfig:
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=kind,
        bnb_4bit_use_double_quant=double,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def ao(name: str, **options: Any) -> TorchAoConfig:
    import torchao.quantization as kinds
    from torchao.prototype.quantization.int4.inference_workflow import PrototypeInt4WeightOnlyConfig

    make = PrototypeInt4WeightOnlyConfig if name == "int4" else getattr(kinds, name)
    return TorchAoConfig(make(set_inductor_config=False, **options))


# word -> (how, format, bytes of one weight)
FORMATS: dict[str, tuple[Any, str, float]] = {
    "bnb-int8": (lambda: bnb(load_in_8bit=True), "int8", 1),
    "bnb-nf4": (lambda: four_bits("nf4", double=True), "nf4", 0.5),
    "bnb-fp4": (lambda: four_bits("fp4"), "fp4", 0.5),
    "torchao-int8-weight": (lambda: ao("Int8WeightOnlyConfig"), "int8", 1),
    "torchao-int8-dynamic": (lambda: ao("Int8DynamicActivationInt8WeightConfig"), "int8", 1),
    "torchao-int4-weight": (lambda: ao("int4", group_size=64), "int4", 0.5),
    "torchao-float8": (lambda: ao("Float8WeightOnlyConfig"), "float8_e4m3fn", 1),
}


def storages() -> dict[int, int]:
    """Every storage behind a tensor that Python made since `warm`: address -> bytes."""
    gc.collect()
    found = {}
    for thing in gc.get_objects():
        if type(thing) in (torch.Tensor, torch.nn.Parameter) or type(thing).__name__ in ("Params4bit", "Int8Params"):
            found[thing.untyped_storage().data_ptr()] = thing.untyped_storage().nbytes()
    return found


def whole(shares: tuple[Share, ...]) -> int:
    return sum(share.bytes for share in shares)


@pytest.fixture(scope="module")
def warm() -> Iterator[None]:
    """What libraries keep exists before any model is counted, and is left out of the count."""
    for how, _, _ in FORMATS.values():
        forward(quantized({**LLAMA, "num_hidden_layers": 1}, how()))
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("config", [LLAMA, MOE, {**LLAMA, "tie_word_embeddings": True}])
def test_weights_in_full_are_those_of_the_file(config: dict[str, Any], dtype: torch.dtype, tmp_path: Path) -> None:
    model = built(config, dtype)
    model.save_pretrained(tmp_path)
    in_files = sum(size for _dtype, _shape, size in local_model(tmp_path).tensors.values())
    shares = count(model)
    assert whole(tuple(share for share in shares if share.values)) == in_files
    parts, by_role = parameters(config), {share.role: share.values for share in shares}
    assert sum(by_role.values()) == parts.total
    assert (by_role["embedding"], by_role.get("head", 0)) == (parts.embedding, parts.head)
    assert (by_role["norm"], by_role.get("experts", 0)) == (parts.norms, parts.experts)
    assert by_role["attention"] == parts.attention
    found = census(model, Config(), shares)
    assert (found.asked, found.ran, found.left, found.quantized_share) == ("auto", "none", (), 0.0)
    assert found.sentence.code == "census.full"


@pytest.mark.parametrize("config", [LLAMA, MOE], ids=["llama", "moe"])
@pytest.mark.parametrize("word", FORMATS)
@pytest.mark.usefixtures("warm")
def test_every_byte_of_a_quantised_model(word: str, config: dict[str, Any]) -> None:
    how, name, width = FORMATS[word]
    before = storages()
    model = quantized(config, how())
    for when in ("loaded", "after the first forward"):
        shares = count(model)
        alive = storages()
        new = sum(size for address, size in alive.items() if address not in before)
        assert abs(whole(shares) - new) < SMALL_CHANGE, when
        assert sum(share.values for share in shares) == parameters(config).total
        packed = [share for share in shares if share.format == name]
        assert {share.role for share in packed} == {"attention", "mlp"}
        for share in packed:
            assert share.bytes - share.state_bytes == width * share.values
            assert 0 < share.state_bytes < 0.15 * share.bytes
        ran, part = kept_as(model)
        assert (ran, part) == (word, sum(share.values for share in packed) / parameters(config).total)
        forward(model)
    found = census(model, Config(quantization=word, dtype="bfloat16"), count(model))
    assert found.ran == word
    assert found.quantized_share == pytest.approx(part)
    assert Census.from_json(found.to_json()) == found


def test_routed_experts_left_in_full_are_caught() -> None:
    model = quantized(MOE, four_bits("nf4"))
    found = census(model, Config(quantization="bnb-nf4"))
    experts = found.left[0]
    known, parts = layout(MOE), parameters(MOE)
    assert known is not None
    assert (experts.role, experts.format, experts.count) == ("experts", "bfloat16", 4)
    assert (experts.values, experts.bytes) == (parts.experts, 2 * parts.experts)
    assert experts.why.code == "census.why.fused_experts"
    assert experts.values / parts.total == pytest.approx(known.experts_share, rel=0.02)
    quantized_values = sum(layer.values for layer in known.linears)
    assert found.quantized_share == pytest.approx(quantized_values / parts.total)
    percent = round(100 * (1 - quantized_values / parts.total))
    assert str(found.sentence).startswith(f"{percent} % of the weights were not quantised: the routed experts")
    whys = {left.role: left.why.code for left in found.left}
    assert whys["embedding"] == whys["head"] == "census.why.tables"
    assert whys["mlp"] == "census.why.no_linear"  # the router


def test_a_tied_head_is_counted_once_as_embedding() -> None:
    tied = {**LLAMA, "tie_word_embeddings": True}
    found = census(quantized(tied, ao("Int8WeightOnlyConfig")), Config(quantization="torchao-int8-weight"))
    assert {left.role: left.why.code for left in found.left} == {"embedding": "census.why.tied"}
    assert found.by("role")["embedding"] == 2 * 512 * 128
    assert "head" not in found.by("role")


def test_rows_that_the_group_does_not_divide_are_caught() -> None:
    model = quantized({**LLAMA, "intermediate_size": 192}, ao("int4", group_size=128))
    found = census(model, Config(quantization="torchao-int4-weight", group_size=128, dtype="bfloat16"))
    skipped = next(left for left in found.left if left.role == "mlp")
    assert (skipped.count, skipped.values) == (3, 3 * 128 * 192)  # down_proj of three layers
    assert skipped.why.code == "census.why.group"
    assert skipped.why.params == {"row": 192, "group": 128, "package": "torchao"}


def test_all_skipped_is_nothing_quantised() -> None:
    model = quantized({**LLAMA, "intermediate_size": 192}, ao("int4", group_size=1024))
    found = census(model, Config(quantization="torchao-int4-weight", group_size=1024, dtype="bfloat16"))
    assert (found.ran, found.quantized_share, found.sentence.code) == ("none", 0.0, "census.nothing")


def test_modules_that_were_asked_for_in_full_are_told_apart() -> None:
    how = BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=["lm_head", "down_proj", "kv_b_proj"])
    found = census(quantized(MOE, how), Config(quantization="bnb-int8", skip_modules=("down_proj",)))
    whys = {(left.role, left.why.code): left.count for left in found.left}
    # shared experts of two layers, and the dense layer's
    assert whys["mlp", "census.why.asked"] == 3
    assert whys["attention", "census.why.by_load"] == 3


def test_double_quantisation_is_counted_and_its_end_is_seen() -> None:
    from bitsandbytes.functional import has_avx512bf16

    states = {}
    for double in (False, True):
        model = quantized(LLAMA, four_bits("nf4", double=double))
        states[double] = [sum(share.state_bytes for share in count(model))]
        forward(model)
        states[double].append(sum(share.state_bytes for share in count(model)))
    values = sum(layer.values for layer in layout(LLAMA).linears)  # type: ignore[union-attr]
    assert states[False][0] == pytest.approx(4 * values / 64, rel=0.05)
    tables = 21 * 256 * 4  # each of the linear layers has a second code table
    assert states[True][0] - tables < 0.4 * states[False][0]
    if has_avx512bf16():
        assert states[True][1] - states[False][1] < 0.05 * states[False][1]
        assert states[False][1] == pytest.approx(2 * values / 64, rel=0.1)


def test_fp8_files_that_were_dequantised_are_caught(tmp_path: Path) -> None:
    config = {**LLAMA, "num_hidden_layers": 1}
    model = built(config)
    tensors = {}
    for name, tensor in model.state_dict().items():
        if name.endswith("_proj.weight"):
            tensors[name] = tensor.to(torch.float8_e4m3fn)
            tensors[f"{name}_scale_inv"] = torch.ones(-(-tensor.shape[0] // 128), -(-tensor.shape[1] // 128))
        else:
            tensors[name] = tensor
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    entry = {"quant_method": "fp8", "weight_block_size": [128, 128], "activation_scheme": "dynamic", "fmt": "e4m3"}
    written = {**model.config.to_dict(), "quantization_config": entry, "dtype": "bfloat16"}
    (tmp_path / "config.json").write_text(json.dumps(written))
    found = census(AutoModelForCausalLM.from_pretrained(tmp_path, dtype="auto"), Config(), files="fp8")
    assert (found.asked, found.ran, found.quantized_share) == ("auto", "none", 0.0)
    assert found.sentence.code == "census.dequantized"
    assert {left.why.code for left in found.left} == {"census.why.undone"}


def test_fp8_that_is_kept_is_counted_with_its_scales() -> None:
    model = built({**LLAMA, "num_hidden_layers": 1})
    for name, layer in list(model.named_modules()):
        if isinstance(layer, torch.nn.Linear) and layer is not model.lm_head:
            model.set_submodule(name, FP8Linear(layer.in_features, layer.out_features, block_size=(128, 128)))
    shares = {(share.role, share.format): share for share in count(model)}
    assert shares["mlp", "float8_e4m3fn"].values == 3 * 128 * 256
    assert shares["mlp", "float8_e4m3fn"].state_bytes == 4 * 3 * 2
    assert kept_as(model)[0] == "fp8"
    assert sum(share.values for share in shares.values()) == parameters({**LLAMA, "num_hidden_layers": 1}).total


def test_asked_and_ran_may_differ() -> None:
    found = census(quantized(LLAMA, bnb(load_in_8bit=True)), Config(quantization="bnb-nf4"))
    assert (found.sentence.code, found.sentence.params) == ("census.other", {"asked": "bnb-nf4", "word": "bnb-int8"})
