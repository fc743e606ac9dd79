"""The settings of a quantisation are held against the session's, not its format alone."""

from typing import Any

import pytest

from workbench.config import Config
from workbench.decoding.state import differences
from workbench.knobs.generation import generation_arguments
from workbench.results import Resolved
from workbench.words import say

NF4 = {
    "load_in_4bit": True,
    "quant_method": "bitsandbytes",
    "bnb_4bit_quant_type": "nf4",
    "bnb_4bit_use_double_quant": True,
    "bnb_4bit_compute_dtype": "float32",
}
INT8 = {"load_in_8bit": True, "quant_method": "bitsandbytes", "llm_int8_threshold": 2.5}
NF4_CONFIG = Config(quantization="bnb-nf4", bnb_double_quant=True)
INT8_CONFIG = Config(quantization="bnb-int8", bnb_threshold=2.5)
NF4_READ = {"bnb_double_quant": True, "compute_dtype": "float32"}
INT8_READ = {"bnb_threshold": 2.5}


def told(config: Config, read: dict[str, Any], entry: dict[str, Any], *whys: str) -> dict[str, tuple[str, str]]:
    """What is told when the session has read back `read` and the snippet's process has `entry`."""
    resolved = Resolved(
        attention="sdpa",
        dtype="float32",
        bytes_by_dtype={"float32": 8},
        device_map={"cpu": 1},
        cache="dynamic",
        threads=1,
        pad_token_id=2,
        eos_token_ids=(2,),
        padding_side="left",
        quantization=config.quantization,
        quantization_settings=read,
        why={knob: say("quantize.cpu_expands") for knob in whys},
    )
    state = {
        "attention": "sdpa",
        "dtype": "float32",
        "device": "cpu",
        "threads": 1,
        "tf32": False,
        "cudnn_benchmark": False,
        "pad_token_id": 2,
        "eos_token_ids": [2],
        "padding_side": "left",
        "generation": generation_arguments(config),
        "quantization_config": entry,
    }
    found = differences(resolved, config, state)
    return {each.params["what"]: (each.params["session"], each.params["snippet"]) for each in found}


@pytest.mark.parametrize(("config", "read", "entry"), [(NF4_CONFIG, NF4_READ, NF4), (INT8_CONFIG, INT8_READ, INT8)])
def test_the_same_settings_are_no_difference(config: Config, read: dict[str, Any], entry: dict[str, Any]) -> None:
    assert told(config, read, entry) == {}


@pytest.mark.parametrize(
    ("config", "read", "entry", "difference"),
    [
        (NF4_CONFIG, NF4_READ, {**NF4, "bnb_4bit_use_double_quant": False}, {"bnb_double_quant": ("True", "False")}),
        (
            NF4_CONFIG,
            NF4_READ,
            {**NF4, "bnb_4bit_compute_dtype": "bfloat16"},
            {"compute_dtype": ("float32", "bfloat16")},
        ),
        (INT8_CONFIG, INT8_READ, {**INT8, "llm_int8_threshold": 6.0}, {"bnb_threshold": ("2.5", "6.0")}),
        (INT8_CONFIG, INT8_READ, {"load_in_8bit": True}, {"bnb_threshold": ("2.5", "None")}),
    ],
)
def test_a_lost_setting_is_told(
    config: Config, read: dict[str, Any], entry: dict[str, Any], difference: dict[str, tuple[str, str]]
) -> None:
    assert told(config, read, entry) == difference


def test_what_a_kernel_made_of_it_later_is_no_difference() -> None:
    """Some processors expand the scales and compute in another format: the session reads that, the config does not."""
    read = {"bnb_double_quant": False, "compute_dtype": "bfloat16"}
    assert told(NF4_CONFIG, read, NF4, "bnb_double_quant", "compute_dtype") == {}
    lost = {**NF4, "bnb_4bit_use_double_quant": False}
    assert told(NF4_CONFIG, read, lost, "bnb_double_quant", "compute_dtype") == {"bnb_double_quant": ("True", "False")}
