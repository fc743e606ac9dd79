"""Every setting of a quantisation stands in the exported code, and a lost one is noticed."""

import ast
import re
from typing import Any

import pytest

from tests.export.quantised import meant, quantised
from workbench import export
from workbench.config import Config

HUB_ID = "deepseek-ai/deepseek-llm-7b-base"
NF4 = {"quantization": "bnb-nf4", "dtype": "bfloat16"}

HEADS = ("bnb-int8", "bnb-nf4", "torchao-int8-dynamic", "torchao-int4-weight", "hqq-int4", "quanto-int8", "quanto-int4")


def code_of(**changes: Any) -> str:
    return export.render("transformers", Config(**changes), model=HUB_ID)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"quantization": "none"},
        NF4,
        {**NF4, "bnb_double_quant": True, "compute_dtype": "float32", "skip_modules": ["layers.*.self_attn", "o_proj"]},
        {"quantization": "bnb-fp4", "dtype": "auto"},
        {"quantization": "bnb-int8", "bnb_threshold": 2.5, "skip_modules": ["layers.0.mlp"]},
        *({"quantization": f"torchao-{name}"} for name in ("int8-weight", "int8-dynamic", "float8", "int4-weight")),
        {"quantization": "torchao-int4-weight", "group_size": 128, "skip_modules": ["down_proj"]},
        {"quantization": "hqq-int4", "dtype": "bfloat16", "group_size": 32, "skip_modules": ["down_proj"]},
        {"quantization": "hqq-int8", "dtype": "float16", "compute_dtype": "float16"},
        {"quantization": "hqq-int8", "compute_dtype": "bfloat16"},
        {"quantization": "quanto-int4", "skip_modules": ["down_proj"]},
        {"quantization": "quanto-int8"},
        *({"quantization": name, "quantize_head": True, "dtype": "bfloat16"} for name in HEADS),
        {"quantization": "fp8"},
    ],
    ids=str,
)
def test_a_quantisation_is_in_the_code_with_all_its_settings(changes: dict[str, Any]) -> None:
    found, wanted = quantised(ast.parse(code_of(**changes))), meant(Config(**changes))
    assert {name: found[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("changes", "line", "knob"),
    [
        ({**NF4, "bnb_double_quant": True}, "bnb_4bit_use_double_quant=(True)", "bnb_double_quant"),
        ({**NF4, "compute_dtype": "float32"}, r"bnb_4bit_compute_dtype=torch\.(float32)", "compute_dtype"),
        ({"quantization": "bnb-int8", "bnb_threshold": 2.5}, r"llm_int8_threshold=(2\.5)", "bnb_threshold"),
        ({"quantization": "torchao-int4-weight", "group_size": 128}, "group_size=(128)", "group_size"),
        ({"quantization": "hqq-int4", "group_size": 32}, "group_size=(32)", "group_size"),
        ({"quantization": "hqq-int4", "compute_dtype": "float16"}, r"compute_dtype=torch\.(float16)", "compute_dtype"),
        ({**NF4, "skip_modules": ["o_proj"]}, r"lm_head\|(o_proj)", "skip_modules"),
        (NF4, 'quant_type="(nf4)"', "quantization"),
        ({**NF4, "quantize_head": True}, r"\n    (quantize_head)\(model", "quantize_head"),
    ],
    ids=str,
)
def test_another_value_in_the_code_is_read_as_another(changes: dict[str, Any], line: str, knob: str) -> None:
    code, others = code_of(**changes), {"True": "False", "float32": "float16", "float16": "float32", "nf4": "fp4"}
    *_, place = re.finditer(line, code)  # the header says it first
    broken = code[: place.start(1)] + others.get(place[1], "7") + code[place.end(1) :]
    assert quantised(ast.parse(broken))[knob] != quantised(ast.parse(code))[knob] == meant(Config(**changes))[knob]
