"""Whole scripts, as people write them: the model, the base line, the marks and what cannot be known."""

import ast
from pathlib import Path

import pytest

from workbench.pasted import Pasted, read
from workbench.words import text

SCRIPTS = Path(__file__).parent / "scripts"


def script(name: str) -> Pasted:
    return read((SCRIPTS / f"{name}.txt").read_text(encoding="utf-8"))


def rules(found: Pasted) -> set[str]:
    return {mark.rule for mark in found.marks}


# name -> the model, the knobs that the script decides, the marks
EXPECTED = {
    "eight_bits": (
        "deepseek-ai/deepseek-llm-7b-chat",
        {"quantization": "bnb-int8", "dtype": "float16", "device": "auto", "do_sample": False},
        {"load_in_bits", "torch_dtype"},
    ),
    "wrong_ids": (
        "deepseek-ai/deepseek-coder-6.7b-instruct",
        {"dtype": "bfloat16", "device": "cuda", "pad_token": 0, "eos_token_ids": (32000,), "padding_side": "right"}
        | {"attention_mask": "none"},
        {"wrong_eos", "wrong_pad", "padding_right", "no_mask"},
    ),
    "cold_sampling": (
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B",
        {"do_sample": False, "temperature": 0.6, "top_p": 0.95, "repetition_penalty": 1.1, "seed": 7},
        {
            "set_after_import",
            "trust_remote_code",
            "torch_dtype",
            "thrown_away",
            "eval",
            "sampling_with_greedy",
            "no_grad",
        },
    ),
    "with_pipeline": (
        "deepseek-ai/deepseek-llm-7b-base",
        {"quantization": "bnb-nf4", "compute_dtype": "bfloat16", "attention": "eager", "device": "auto"}
        | {"temperature": 0.9, "top_p": 0.9},
        set(),
    ),
    "two_models": (
        "deepseek-ai/deepseek-coder-1.3b-base",
        {"attention": "flash_attention_2", "dtype": "float16"},
        {"attention_word", "cast_after_load", "beams", "no_cache"},
    ),
    "unpacked": (
        "deepseek-ai/deepseek-llm-7b-chat",
        {"quantization": "bnb-fp4", "compute_dtype": "float32", "device": "cuda:0", "do_sample": True}
        | {"temperature": 0.7, "top_k": 20},
        {"load_in_bits", "use_auth_token"},
    ),
    "from_arguments": (None, {"dtype": "bfloat16", "device": "auto", "do_sample": True}, set()),
    "notebook": (
        "deepseek-ai/deepseek-coder-1.3b-instruct",
        {"attention": "flash_attention_2", "compile": "default"},
        {"use_flash_attention_2", "compiled_dynamic", "whole_length", "emptied_in_loop"},
    ),
    "healthy": (
        "deepseek-ai/deepseek-llm-7b-chat",
        {"dtype": "bfloat16", "attention": "sdpa", "device": "auto", "quantization": "bnb-int8", "bnb_threshold": 5.0}
        | {"do_sample": True, "temperature": 0.7, "top_p": 0.9, "eos_token_ids": (100001,), "pad_token": "auto"}
        | {"padding_side": "left", "cache": "static", "seed": 0, "threads": 2},
        set(),
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_script_is_read_as_it_means(name: str) -> None:
    found = script(name)
    model, knobs, marks = EXPECTED[name]
    assert found.model == model
    assert {knob: found.config[knob] for knob in found.said} == knobs
    assert rules(found) == marks


@pytest.mark.parametrize("name", EXPECTED)
def test_every_mark_points_at_its_argument_and_rests_on_something(name: str) -> None:
    found = script(name)
    lines = found.text.split("\n")
    for mark in found.marks:
        assert lines[mark.line - 1][mark.column : mark.end].strip()
        assert mark.what
        assert mark.source


@pytest.mark.parametrize("name", EXPECTED)
def test_the_result_survives_json(name: str) -> None:
    found = script(name)
    assert Pasted.from_json(found.to_json()) == found
    assert found.record()["schema"] == "workbench.pasted/1"


def test_where_a_script_is_silent_stands_transformers_default() -> None:
    assert script("cold_sampling").config.device == "cpu"
    assert script("with_pipeline").config.do_sample is True  # pipelines sample
    assert script("with_pipeline").max_new_tokens == 64
    assert script("unpacked").config.compute_dtype == "float32"  # BitsAndBytesConfig's own default


def test_the_work_is_the_scripts() -> None:
    assert script("wrong_ids").workload.prompts == ("写一个快速排序", "解释闭包")
    assert script("wrong_ids").workload.batch_size == 2
    assert script("wrong_ids").workload.new_tokens == 256
    assert script("cold_sampling").prompts == ("Why is the sky blue?",)
    assert script("eight_bits").prompts == ()  # a loop's variable
    assert script("unpacked").max_new_tokens == 128


def test_of_two_models_the_one_that_generates() -> None:
    found = script("two_models")
    assert found.others == ("someone/judge-small",)
    assert found.revision == "c919139"
    assert "pasted.note.generated" in {note.code for note in found.notes}
    assert {note.params["argument"] for note in found.notes if note.code == "pasted.note.no_knob"} == {
        "num_beams",
        "use_cache",
    }


def test_what_only_running_would_tell_is_said_with_its_line() -> None:
    found = script("from_arguments")
    told = [str(each) for each in found.unknowns]
    assert told[0] == text("pasted.unknown.model", line=17)
    assert any(each.startswith("temperature: unknown, line 17") for each in told)
    assert found.max_new_tokens is None


def test_lines_of_ipython_are_passed_over_and_kept() -> None:
    found = script("notebook")
    (note,) = [note for note in found.notes if note.code == "pasted.note.magics"]
    assert note.params["count"] == 9
    assert "!pip install transformers \\\n    accelerate\n%matplotlib inline" in found.corrected
    assert 'attn_implementation="sdpa"' in found.corrected


def test_a_notebook_file_is_its_code_cells() -> None:
    found = read(
        '{"cells": [{"cell_type": "markdown", "source": ["# ((("]}, {"cell_type": "code", "source": '
        '["from transformers import AutoModelForCausalLM\\n", "m = AutoModelForCausalLM.from_pretrained(\'a/b\')"]}]}'
    )
    assert found.model == "a/b"
    ast.parse(found.text)


def test_a_healthy_script_stays_as_it_is() -> None:
    found = script("healthy")
    assert found.marks == ()
    assert found.corrected == found.text
    assert found.diff == ""


def test_only_marked_arguments_change() -> None:
    found = script("eight_bits")
    changed = [line for line in found.diff.splitlines() if line[0] in "+-" and line[:3] not in ("+++", "---")]
    assert changed == [
        "-    AutoTokenizer,",
        "+    AutoTokenizer, BitsAndBytesConfig,",
        "-    load_in_8bit=True,  # fits the card",
        "-    torch_dtype=torch.float16,",
        "+    quantization_config=BitsAndBytesConfig(load_in_8bit=True),  # fits the card",
        "+    dtype=torch.float16,",
    ]
    assert read(found.corrected).marks == ()


@pytest.mark.parametrize("name", EXPECTED)
def test_what_was_mended_is_not_marked_again(name: str) -> None:
    found = script(name)
    again = read(found.corrected)
    assert rules(again) <= {mark.rule for mark in found.unmended} | {"moved_after_map"}
    assert again.corrected == found.corrected
