"""Scripts that raise, run for real on a small model; and what was mended runs there too."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.pasted import RULES, ids_of, read

RUNNER = Path(__file__).with_name("run_scripts.py")
HEAD = """
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline
MODEL = {model!r}
tokenizer = AutoTokenizer.from_pretrained(MODEL)
"""
HI = 'inputs = tokenizer("Hi there", return_tensors="pt")\n'
TWO = 'inputs = tokenizer(["Hi there one", "Hi"], return_tensors="pt", padding=True)\n'
PLAIN = "model = AutoModelForCausalLM.from_pretrained(MODEL)\n"
RUN = "model.generate(**inputs, max_new_tokens=3, do_sample=False)\n"


def loading(arguments: str) -> str:
    return f"model = AutoModelForCausalLM.from_pretrained(MODEL, {arguments})\n{HI}{RUN}"


def generating(arguments: str) -> str:
    return f"{PLAIN}{HI}model.generate(**inputs, {arguments})\n"


# the rule, what its script raises, the script
BROKEN = [
    ("load_in_bits", "TypeError", loading("load_in_8bit=True")),
    ("load_in_bits", "TypeError", loading("load_in_4bit=True, bnb_4bit_quant_type='nf4', device_map='cpu'")),
    ("load_in_bits", "TypeError", f"more = {{'load_in_8bit': True}}\n{loading('**more')}"),
    (
        "load_in_bits",
        "ValueError",
        "p = pipeline('text-generation', MODEL, load_in_8bit=True)\np('Hi', max_new_tokens=2)\n",
    ),
    ("use_flash_attention_2", "TypeError", loading("use_flash_attention_2=True")),
    ("use_auth_token", "TypeError", loading("use_auth_token=None or False")),
    ("dtype_word", "AttributeError", loading("dtype='bf16'")),
    ("attention_word", "ValueError", loading("attn_implementation='sdpaa'")),
    ("unknown_at_load", "TypeError", loading("device_maps='cpu'")),
    ("unknown_at_generate", "ValueError", generating("max_new_token=3")),
    ("sampling_at_zero", "ValueError", generating("max_new_tokens=3, do_sample=True, temperature=0.0")),
    ("greedy_sequences", "ValueError", generating("max_new_tokens=3, num_return_sequences=2")),
    ("stops_without_tokenizer", "ValueError", generating("max_new_tokens=3, stop_strings=['six']")),
    ("better_transformer", "AttributeError", f"{PLAIN}model = model.to_bettertransformer()\n{HI}{RUN}"),
    ("data_parallel", "AttributeError", f"{PLAIN}model = torch.nn.DataParallel(model)\n{HI}{RUN}"),
    (
        "cast_quantised",
        "ValueError",
        "from transformers import BitsAndBytesConfig\n"
        + loading("quantization_config=BitsAndBytesConfig(load_in_8bit=True)").replace(
            HI, f"model = model.half()\n{HI}"
        ),
    ),
    (
        "moved_quantised",
        "ValueError",
        "from transformers import BitsAndBytesConfig\n"
        + loading("quantization_config=BitsAndBytesConfig(load_in_8bit=True)").replace(HI, f"model.cuda()\n{HI}"),
    ),
    (
        "both_bits",
        "ValueError",
        "from transformers import BitsAndBytesConfig\n"
        + loading("quantization_config=BitsAndBytesConfig(load_in_8bit=True, load_in_4bit=True)"),
    ),
    ("cache_word", "ValueError", generating("max_new_tokens=3, cache_implementation='fast'")),
    ("moved_to_hub", "ValueError", generating("max_new_tokens=3, penalty_alpha=0.6, top_k=4")),
    ("whole_length", "ValueError", generating("max_length=1")),
    (
        "pad_added",
        "IndexError",
        "tokenizer.add_special_tokens({'pad_token': '[PAD]'})\n"
        f"tokenizer.add_tokens([str(i) for i in range(99)])\n{PLAIN}"
        "inputs = tokenizer(['Hi there one', 'Hi 98'], return_tensors='pt', padding=True)\n" + RUN,
    ),
]
STAYS = {"both_bits", "cache_word", "moved_to_hub", "whole_length", "pad_added"}  # what is meant is not known


@pytest.fixture(scope="module")
def ran(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str | None, str | None]]:
    """Of each broken script: what it raises, and what its corrected copy raises."""
    texts = [HEAD.format(model=str(small_model)) + text for _rule, _error, text in BROKEN]
    both = [*texts, *(read(text, look=ids_of).corrected for text in texts)]
    file = tmp_path_factory.mktemp("scripts") / "scripts.json"
    file.write_text(json.dumps(both), encoding="utf-8")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, RUNNER, file], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    raised = json.loads(done.stdout.splitlines()[-1])
    return list(zip(raised[: len(texts)], raised[len(texts) :], strict=True))


@pytest.mark.model
@pytest.mark.parametrize("place", range(len(BROKEN)), ids=[rule for rule, _error, _text in BROKEN])
def test_the_script_raises_and_its_corrected_copy_does_not(
    place: int, ran: list[tuple[str | None, str | None]]
) -> None:
    rule, error, _text = BROKEN[place]
    before, after = ran[place]
    assert before == error
    assert after == (error if rule in STAYS else None)


def test_the_source_of_a_refusal_names_what_it_raises() -> None:
    sources = {rule.code: rule.source for rule in RULES}
    for rule, error, _text in BROKEN:
        assert error in sources[rule], rule


def test_the_files_of_a_model_here_tell_its_ids(small_model: Path) -> None:
    ids = ids_of(str(small_model))
    assert ids is not None
    assert (ids.eos, ids.pad, ids.padding_side) == ((1,), 1, "right")
    text = (
        HEAD.format(model=str(small_model))
        + PLAIN
        + TWO
        + "model.generate(**inputs, max_new_tokens=3, eos_token_id=7)\n"
    )
    found = read(text, look=ids_of)
    assert {"wrong_eos", "padding_right_by_file"} <= {mark.rule for mark in found.marks}
    assert "eos_token_id=1)" in found.corrected
    assert ids_of(str(small_model / "nowhere")) is None
    assert "wrong_eos" not in {mark.rule for mark in read(text).marks}  # by itself reading looks into no file


def test_damaged_files_tell_nothing(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("[1, 2]")
    (tmp_path / "tokenizer_config.json").write_bytes(b"\xff{")
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": ["x", 3], "do_sample": true}')
    ids = ids_of(str(tmp_path))
    assert ids is not None
    assert ids.eos == (3,)
    assert ids.padding_side is None
    assert ids.sampling == {"do_sample": True}
