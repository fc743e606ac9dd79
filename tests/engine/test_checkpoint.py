"""Checkpoints that are quantised in their files: FP8 for real on a tiny DeepSeek-V3, and what is refused."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers.integrations.finegrained_fp8 import Fp8Dequantize

from workbench.catalog.quantized import lacking
from workbench.catalog.sources import find
from workbench.config import Config
from workbench.engine.demo import ensure_demo
from workbench.engine.engine import Engine
from workbench.engine.fp8_files import quantized, write
from workbench.engine.loading import Checkpoint
from workbench.engine.quantizing import fp8
from workbench.errors import CapabilityError
from workbench.hub.quantize import quantize
from workbench.probes.context import Context

pytestmark = pytest.mark.model


def context() -> Context:
    return Context(lambda _name, _data: None)


@pytest.fixture
def engine(demo_home: Path) -> Iterator[Engine]:
    before = torch.get_num_threads()
    engine = Engine()
    yield engine
    engine.close()
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tokenizer(demo_home: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(ensure_demo())


@pytest.fixture(scope="module")
def fp8_files(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, torch.Tensor]]:
    folder = tmp_path_factory.mktemp("fp8") / "tiny-v3"
    return folder, write(folder, tokenizer)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there FP8 stays FP8; tests/gpu has that case")
def test_fp8_is_dequantised_to_the_very_values_and_that_is_told(
    engine: Engine, fp8_files: tuple[Path, dict[str, torch.Tensor]]
) -> None:
    folder, values = fp8_files
    applied = engine.open(find(str(folder)), Config(dtype="float32"), context())
    resolved = applied.resolved
    assert (resolved.quantization, resolved.quantized_share) == ("none", 0.0)
    assert engine.facts.checkpoint_quantization == "fp8"
    (told,) = resolved.differences(engine.config)
    assert told.knob == "quantization"
    assert "8.9" in str(told)
    assert "float32" in str(told)
    weights = engine.model.state_dict()
    compared = 0
    for name, value in values.items():
        if name in weights:
            torch.testing.assert_close(weights[name], value, rtol=0, atol=0)
            compared += 1
    experts = weights["model.layers.1.mlp.experts.gate_up_proj"]  # [expert, gate and up, hidden], fused while loading
    for expert in range(4):
        parts = [values[f"model.layers.1.mlp.experts.{expert}.{name}_proj.weight"] for name in ("gate", "up")]
        torch.testing.assert_close(experts[expert], torch.cat(parts), rtol=0, atol=0)
    assert compared > 25
    asked = engine.apply(engine.config.replace(quantization="none"), context()).resolved
    assert asked.differences(engine.config) == ()  # in full, as asked: nothing to tell
    assert "quantization" not in asked.why


def test_transformers_alone_gets_cut_blocks_wrong() -> None:
    """The reason for `whole_blocks`. When this fails, transformers does it right and the mending can go."""
    matrix = torch.randn(192, 256) * torch.linspace(0.1, 4, 192)[:, None]
    weights, scales, product = quantized(matrix)
    alone = Fp8Dequantize(None)._dequantize_one(weights, scales, output_dtype=torch.float32)
    assert not torch.allclose(alone, product)
    before = Fp8Dequantize._dequantize_one
    with fp8.whole_blocks((128, 128)):
        mended = Fp8Dequantize(None)._dequantize_one(weights, scales, output_dtype=torch.float32)
        whole = quantized(torch.randn(256, 384))
        same = Fp8Dequantize(None)._dequantize_one(whole[0], whole[1], output_dtype=torch.float32)
    torch.testing.assert_close(mended, product, rtol=0, atol=0)
    torch.testing.assert_close(same, whole[2], rtol=0, atol=0)
    assert Fp8Dequantize._dequantize_one is before


@pytest.mark.parametrize("asked", ["bnb-nf4", "torchao-int8-weight", "gptq"])
def test_another_format_is_refused_before_the_load(
    asked: str, engine: Engine, fp8_files: tuple[Path, dict[str, torch.Tensor]]
) -> None:
    with pytest.raises(CapabilityError, match="quantised in its files \\(fp8\\)") as caught:
        engine.open(find(str(fp8_files[0])), Config(quantization=asked), context())
    assert caught.value.code == "checkpoint.already"
    assert engine.model is None


def test_what_cannot_be_had_in_full_says_so(
    engine: Engine, fp8_files: tuple[Path, dict[str, torch.Tensor]], tmp_path: Path
) -> None:
    folder = tmp_path / "gptq"
    shutil.copytree(fp8_files[0], folder)
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "gptq", "bits": 4, "group_size": 64}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CapabilityError) as caught:
        engine.open(find(str(folder)), Config(quantization="none"), context())
    assert caught.value.code == "checkpoint.not_in_full"


def test_fp8_files_are_refused_where_their_kernels_are_missing(
    engine: Engine, fp8_files: tuple[Path, dict[str, torch.Tensor]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU that multiplies FP8, before anything is loaded; in full they can be had all the same."""
    source = find(str(fp8_files[0]))
    monkeypatch.setattr(fp8, "multiplies", lambda _device: True)
    monkeypatch.setattr(fp8, "is_kernels_available", lambda: False)
    for asked in ("auto", "fp8"):
        with pytest.raises(CapabilityError, match="quantization='none'") as caught:
            engine.open(source, Config(quantization=asked), context())
        assert caught.value.code == "checkpoint.fp8_kernels"
        assert 'pip install "kernels>=' in caught.value.next_step
        assert engine.model is None
    checkpoint = Checkpoint(source, context())
    checkpoint.import_class()
    assert checkpoint.way(Config(quantization="none"), torch.device("cpu")).files.stated is not None
    monkeypatch.setattr(fp8, "is_kernels_available", lambda: True)
    assert checkpoint.way(Config(), torch.device("cpu")).files.stated is not None


def test_a_missing_package_of_the_files_gives_the_command(
    engine: Engine, fp8_files: tuple[Path, dict[str, torch.Tensor]], tmp_path: Path
) -> None:
    folder = tmp_path / "compressed"
    shutil.copytree(fp8_files[0], folder)
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "compressed-tensors", "format": "pack-quantized"}
    (folder / "config.json").write_text(json.dumps(config))
    if not lacking("compressed-tensors"):
        pytest.skip("compressed-tensors is installed")
    with pytest.raises(CapabilityError, match="pip install compressed-tensors"):
        engine.open(find(str(folder)), Config(), context())


@pytest.mark.parametrize(("size", "says"), [("auto", "--method gptq"), (32, "--method gptq --group-size 32")])
def test_gptq_of_a_plain_model_names_the_command_that_makes_it(size: Any, says: str, engine: Engine) -> None:
    with pytest.raises(CapabilityError, match=says) as caught:
        engine.open(find("demo"), Config(quantization="gptq", group_size=size), context())
    assert caught.value.code == "checkpoint.no_copy"


@pytest.fixture
def own_models(workbench_home: Path) -> None:
    """A folder of models that only this test writes to: else it would be the one that all tests read."""
    (workbench_home / "models").mkdir()


@pytest.mark.slow
@pytest.mark.skipif(bool(lacking("gptq")), reason="needs pip install " + " ".join(lacking("gptq")))
@pytest.mark.parametrize("method", ["gptq", "awq"])
def test_a_copy_of_the_demo_opens_by_the_knob_and_by_its_folder(
    method: str, engine: Engine, own_models: None, own_demo_home: Path
) -> None:
    made = quantize("demo", method)
    assert quantize("demo", method).folder == made.folder  # found, not made again
    full = engine.open(find("demo"), Config(dtype="bfloat16"), context()).resolved
    applied = engine.apply(engine.config.replace(quantization=method), context())
    assert (applied.resolved.quantization, applied.resolved.differences(engine.config)) == (method, ())
    assert applied.resolved.quantized_share > 0.7
    assert applied.resolved.weight_bytes < 0.6 * full.weight_bytes
    assert "calibration" in (engine.facts.calibrated_by or "")
    by_knob = engine.generate(context(), ["Write one sentence about the sea."], 8)[0].token_ids
    other = Engine()
    try:
        other.open(find(str(made.folder)), Config(dtype="bfloat16"), context())
        assert other.facts.checkpoint_quantization == method
        assert other.generate(context(), ["Write one sentence about the sea."], 8)[0].token_ids == by_knob
    finally:
        other.close()
