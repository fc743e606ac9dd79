"""Quantised models from elsewhere: one that the person loaded, a GGUF file; and the report on a load."""

import logging
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

import workbench as wb
from workbench.catalog.sources import find
from workbench.config import Config
from workbench.engine.demo import ensure_demo, gguf_file
from workbench.engine.engine import Engine
from workbench.engine.load_errors import translated
from workbench.probes.context import Context

pytestmark = pytest.mark.model


def context() -> Context:
    return Context(lambda _name, _data: None)


def test_an_attached_model_says_what_it_is(demo_home: Path) -> None:
    checkpoint = ensure_demo()
    model = AutoModelForCausalLM.from_pretrained(
        checkpoint,
        quantization_config=BitsAndBytesConfig(load_in_8bit=True, llm_int8_threshold=4.0),
        device_map={"": "cpu"},
    )
    before = torch.get_num_threads()
    with wb.Session.attach(model, AutoTokenizer.from_pretrained(checkpoint)) as session:
        assert (session.config.quantization, session.config.bnb_threshold) == ("bnb-int8", 4.0)
        assert (session.resolved.quantization, session.resolved.dtype) == ("bnb-int8", "float32")
        assert session.resolved.differences(session.config) == ()
        assert session.apply(bnb_threshold=0.0).cost == "live"
        assert session.resolved.quantization_settings == {"bnb_threshold": 0.0, "quantize_head": False}
    assert model.model.layers[0].mlp.down_proj.state.threshold == 4.0
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bnb-nf4", "torchao-int8-weight"])
def test_a_gguf_file_is_quantised_from_full_numbers(demo_home: Path, name: str) -> None:
    engine, before = Engine(), torch.get_num_threads()
    engine.open(find(str(gguf_file())), Config(dtype="bfloat16", quantization=name), context())
    try:
        resolved = engine.resolved()
        assert (resolved.quantization, resolved.quantized_share) == (name, pytest.approx(0.789, abs=0.001))
        assert "sea" in engine.generate(context(), ["Write one sentence about the sea."], 12)[0].text
    finally:
        engine.close()
        torch.set_num_threads(before)


def test_the_report_on_a_load_that_succeeds_is_not_lost(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("transformers.modeling_utils")
    logger.propagate, before = True, logger.propagate
    try:
        with translated(find("demo")):
            logger.warning("LlamaForCausalLM LOAD REPORT from: there\nkey | UNEXPECTED")
            assert caplog.records == []
        assert [record.getMessage()[:16] for record in caplog.records] == ["LlamaForCausalLM"]
    finally:
        logger.propagate = before
