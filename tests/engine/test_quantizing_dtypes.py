"""Number formats that a library cannot multiply in: refused by what is known, before the load or right after it."""

from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

import workbench as wb
from workbench.config import Config
from workbench.engine.loading import Checkpoint
from workbench.engine.quantizing import Plan, library
from workbench.engine.quantizing.outline import Outline
from workbench.errors import CapabilityError

pytestmark = pytest.mark.model


def test_hqq_computes_in_the_models_own_dtype() -> None:
    maker = library("hqq-int4")
    assert maker is not None
    config, cpu = Config(quantization="hqq-int4", compute_dtype="float32"), torch.device("cpu")
    with pytest.raises(CapabilityError, match="multiply in float32 on a model whose activations are bfloat16"):
        maker.check(config, cpu, torch.bfloat16)
    maker.check(config, cpu, torch.float32)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_int4_of_torchao_is_multiplied_in_bfloat16_only(device: str) -> None:
    maker = library("torchao-int4-weight")
    assert maker is not None
    int4, where = Config(quantization="torchao-int4-weight"), torch.device(device)
    for dtype in (torch.float32, torch.float16):
        with pytest.raises(CapabilityError) as caught:
            maker.check(int4, where, dtype)
        assert caught.value.code == "quantize.int4_bfloat16"
        maker.check(Config(quantization="torchao-int8-weight"), where, dtype)
    for fits in (torch.bfloat16, None):
        maker.check(int4, where, fits)


def test_a_dtype_that_only_the_files_say_is_refused_before_the_load(
    demo_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The demo's say float32. A session knows no facts of a model that it opens."""
    loads = []
    monkeypatch.setattr(Checkpoint, "_read", lambda *_, **__: loads.append(1))
    with pytest.raises(CapabilityError, match="cannot be multiplied in float32") as caught:
        wb.Session("demo", host="inline", config=Config(quantization="torchao-int4-weight"))
    assert caught.value.code == "quantize.int4_bfloat16"
    assert loads == []


def test_a_dtype_that_shows_after_the_load_is_refused_too() -> None:
    """As of a GGUF file, which states none."""
    config, cpu = Config(quantization="torchao-int4-weight"), torch.device("cpu")
    plan = Plan.of(config, lambda: Outline((), (), frozenset(), None), cpu, None)
    assert plan is not None
    full = LlamaForCausalLM(
        LlamaConfig(vocab_size=64, hidden_size=64, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2)
    )
    with pytest.raises(CapabilityError) as caught:
        plan.quantized(lambda: full)
    assert caught.value.code == "quantize.int4_bfloat16"
