"""The exported file: valid and formatted for every Config, and doing what the Config says."""

import ast
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.export.conftest import HUB_ID
from tests.export.quantised import meant
from tests.export.reading import read_back
from workbench import export
from workbench.config import Config
from workbench.engine import scope
from workbench.errors import ConfigError
from workbench.knobs import KNOBS, Choice, Number, Toggle, TokenIds
from workbench.knobs.budgets import Budgets
from workbench.knobs.decoding import CACHE_BITS
from workbench.knobs.formats import FORMATS
from workbench.knobs.kinds import Names, Texts

NAMES = ["down_proj", "layers.0.mlp", "layers.*.self_attn"]


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    if isinstance(kind, Choice):
        return st.sampled_from(kind.values)
    if isinstance(kind, Toggle):
        return st.booleans()
    if isinstance(kind, Number):
        number = st.integers(int(kind.low), int(kind.high)) if kind.integer else st.floats(kind.low, kind.high)
        return st.one_of(number, *([st.sampled_from(kind.words)] if kind.words else []))
    if isinstance(kind, Texts):
        return st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), max_size=4)
    if isinstance(kind, Names):
        return st.one_of(st.sampled_from(kind.words), st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    if isinstance(kind, Budgets):
        places = st.one_of(st.just("cpu"), st.integers(0, 7))
        return st.one_of(
            st.sampled_from(kind.words), st.dictionaries(places, st.integers(0, 2**40), min_size=1, max_size=3)
        )
    ids = st.lists(st.integers(0, 200_000), min_size=1, max_size=4) if kind.many else st.integers(0, 200_000)
    assert isinstance(kind, TokenIds)
    return st.one_of(st.sampled_from(kind.words), ids)


CALIBRATED = {name for name, entry in FORMATS.items() if entry.calibrated}


@st.composite
def configs(draw: st.DrawFn) -> Config:
    values = {name: draw(values_of(knob.kind)) for name, knob in KNOBS.items()}
    if values["do_sample"] and values["temperature"] == 0.0:
        values["temperature"] = 0.7
    if values["cache_bits"] != "auto":
        values["cache_bits"] = draw(st.sampled_from(CACHE_BITS[values["cache_backend"]]))
    if values["speculation"] != "off":
        values |= {"compile": "off", "cache": "dynamic", "stop_strings": (), "stop_at_sentence": "off"}
    if values["compile"] != "off" or values["quantization"] not in ("none", "auto"):
        values["offloaded_layers"] = 0
    if values["compile"] != "off" or values["device"] != "auto" or values["offloaded_layers"]:
        values["device_map"] = "none"
    if values["device_map"] != "none":
        values["quantize_head"] = False
    if values["device_map"] != "none" and not values["quantization"].startswith("bnb-"):
        values["quantization"] = "none"
    if (
        values["device_map"] != "none"
        or values["compile"] != "off"
        or values["offloaded_layers"]
        or values["cache"] not in ("dynamic", "static")
        or values["quantization"] not in ("none", "auto")
        or values["speculation"] != "off"
    ):
        values["tp_plan"] = "none"
    if values["speculation"] == "assistant":
        values["assistant_model"] = draw(st.sampled_from(ASSISTANTS))
    if values["quantization"] in CALIBRATED:  # of a model that is not on this disk there is no copy
        values["quantization"] = "none"
    return Config(**values)


ASSISTANTS = ("deepseek-ai/deepseek-llm-1b", "owner/name.with-dots")


@given(configs())
def test_every_config_becomes_code_that_says_the_same(config: Config) -> None:
    code = export.render("transformers", config, model=HUB_ID)
    compile(code, "load_model.py", "exec")
    read = read_back(ast.parse(code))
    carried = {name: value for name, value in config.items() if config.matters(name)} | meant(config)
    if carried.get("seed") == 0:  # the file's own, where none was chosen
        carried["seed"] = "random"
    if carried.get("waiting") == "auto":  # on a machine that was not measured
        carried["waiting"] = "passive"
    assert {name: read.get(name, KNOBS[name].default) for name in carried} == carried
    assert Config.from_json(config.to_json()) == config


def test_environment_is_set_before_torch_is_imported() -> None:
    code = export.render("transformers", Config(), model=HUB_ID)
    assert code.index('os.environ["OMP_WAIT_POLICY"] = "PASSIVE"') < code.index("import torch")


def test_static_cache_says_what_it_switches_off() -> None:
    code = export.render("transformers", Config(cache="static"), model=HUB_ID)
    assert '"disable_compile": True,' in code
    assert "On CUDA generate compiles by itself" in code
    assert "compile" not in export.render("transformers", Config(), model=HUB_ID)


def test_it_generates_in_inference_mode_where_the_session_does() -> None:
    """generate alone only keeps no gradients; the file takes the session's own path through torch."""
    versioned = Config(quantization="quanto-int4")
    for config, decorated in ((Config(), True), (Config(quantization="bnb-nf4"), True), (versioned, False)):
        with scope.in_force(config, torch.device("cpu")):
            assert torch.is_inference_mode_enabled() is decorated
        code = ast.parse(export.render("transformers", config, model=HUB_ID))
        (run,) = (node for node in code.body if isinstance(node, ast.FunctionDef) and node.name == "run")
        assert ("torch.inference_mode()" in map(ast.unparse, run.decorator_list)) is decorated


def test_unknown_target_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="Nearest match: transformers"):
        export.render("transformer", Config(), model=HUB_ID)


def test_waiting_and_pinning_go_home_with_the_loader() -> None:
    before = export.render("transformers", Config(waiting="active", pinning="cores"), model=HUB_ID).partition(
        "import torch"
    )[0]
    for line in ('["OMP_WAIT_POLICY"] = "ACTIVE"', '["OMP_PROC_BIND"] = "close"', '["OMP_PLACES"] = "cores"'):
        assert f"os.environ{line}" in before
    plain = export.render("transformers", Config(), model=HUB_ID)
    assert "OMP_PROC_BIND" not in plain
    assert "ALLOC_CONF" not in plain


def test_the_allocator_goes_home_with_the_loader() -> None:
    code = export.render("transformers", Config(allocator="expandable_segments", device="cuda"), model=HUB_ID)
    before = code.partition("import torch")[0]
    assert 'os.environ["PYTORCH_CUDA_ALLOC_CONF"] = "expandable_segments:True"' in before
    on_cpu = export.render("transformers", Config(allocator="expandable_segments", device="cpu"), model=HUB_ID)
    assert "ALLOC_CONF" not in on_cpu
