"""The layers that the registry computes from a config are those that transformers builds from it."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from workbench.catalog import MODELS, hf_config, parameters
from workbench.catalog.shapes import SUPPORTED
from workbench.knobs.linears import layout

KNOWN = [slug for slug, entry in MODELS.items() if entry.model_type in SUPPORTED]
# one of each architecture and shape; the tables of the rest differ in numbers only
BUILT = ("deepseek-llm-7b-base", "deepseek-r1-distill-qwen-7b", "deepseek-v2-lite", "deepseek-v3", "deepseek-v3.2-exp")


@pytest.mark.parametrize("slug", BUILT)
def test_names_and_shapes_are_those_of_transformers(slug: str) -> None:
    values = hf_config(slug, scale="tiny")
    found = layout(values)
    assert found is not None
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(values.pop("model_type"), **values))
    parts = dict(model.named_parameters())
    linears = {
        name: (module.out_features, module.in_features)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not model.lm_head
    }
    assert {layer.name: (layer.rows, layer.columns) for layer in found.linears} == linears
    for layer in set(found.layers) - set(found.linears):
        assert tuple(parts[layer.name].shape) == (layer.experts, layer.rows, layer.columns)
    assert found.tables == sum(parts[name].numel() for name in ("model.embed_tokens.weight", "lm_head.weight"))


@pytest.mark.parametrize("slug", KNOWN)
def test_little_is_outside_layers_and_tables(slug: str) -> None:
    """Norms, biases and routers."""
    found, parts = layout(hf_config(slug)), parameters(hf_config(slug))
    assert found is not None
    assert 0 < parts.total - found.tables - sum(layer.values for layer in found.layers) < 3e-4 * parts.total
    experts = sum(layer.values for layer in found.layers if layer.experts)
    assert experts == parts.experts
