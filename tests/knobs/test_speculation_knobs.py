"""What speculation asks of the other knobs and of the model, and the arguments it becomes."""

from typing import Any

import pytest

import workbench as wb
from tests.knobs.test_knobs import ask, machine, model
from workbench.knobs.generation import drafter_settings, generation_arguments


@pytest.mark.parametrize(
    ("beside", "said"),
    [
        ({"compile": "default"}, "compile='default'"),
        ({"cache": "static"}, "cache='static'"),
        ({"cache": "quantized"}, "cache='quantized'"),
        ({"cache": "offloaded"}, "cache='offloaded'"),
        ({"stop_strings": ["\n"]}, "stop_strings"),
        ({"stop_at_sentence": 8}, "stop_at_sentence"),
    ],
)
@pytest.mark.parametrize("mode", ["prompt_lookup", "early_exit"])
def test_only_the_cache_that_can_be_cut_back(mode: str, beside: dict[str, Any], said: str) -> None:
    with pytest.raises(wb.ConfigError) as caught:
        wb.Config(speculation=mode, **beside)
    assert said in caught.value.what
    wb.Config(**beside)


def test_an_assistant_has_a_name() -> None:
    with pytest.raises(wb.ConfigError, match="names no assistant"):
        wb.Config(speculation="assistant")
    assert wb.Config(speculation="assistant", assistant_model="demo").assistant_model == "demo"
    with pytest.raises(wb.ConfigError):
        wb.Config(assistant_model="")
    with pytest.raises(wb.ConfigError):
        wb.Config(assistant_model="a\nb")


def test_an_exit_leaves_layers_to_check_with() -> None:
    others = {"speculation": "early_exit"}
    assert ask("assistant_early_exit", 3, machine(), model(layers=4), **others).ok
    refused = ask("assistant_early_exit", 4, machine(), model(layers=4), **others)
    assert refused.reason is not None
    assert refused.reason.code == "capability.no_early_exit"
    assert ask("assistant_early_exit", 4, machine(), model(layers=4)).ok  # without an effect it stops nothing
    assert ask("assistant_early_exit", 4, machine(), None, **others).ok


def test_arguments_of_generate() -> None:
    lookup = wb.Config(speculation="prompt_lookup", speculation_tokens=7)
    assert generation_arguments(lookup)["prompt_lookup_num_tokens"] == 7
    assert drafter_settings(lookup) == {}
    early = wb.Config(speculation="early_exit", assistant_early_exit=2, speculation_tokens=3)
    # the drafter's cache is an object, which transformers refuses beside the name of one
    assert generation_arguments(early)["assistant_early_exit"] == 2
    assert "cache_implementation" not in generation_arguments(early)
    assert drafter_settings(early)["num_assistant_tokens"] == 3
    assert generation_arguments(wb.Config())["cache_implementation"] == "dynamic"
    assert wb.Config().cost_to(early) == "live"
