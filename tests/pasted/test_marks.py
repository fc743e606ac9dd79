"""Every rule of the registry: a script that has it, and one that is near it and has not."""

from typing import NamedTuple

import pytest

from tests.knobs.facts import machine, packages
from workbench.pasted import RULES, Pasted, read
from workbench.pasted.facts import Ids
from workbench.words import templates

HEAD = """import os
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, GenerationConfig, pipeline
MODEL = "deepseek-ai/deepseek-llm-7b-chat"
"""
TOKENIZER = "tokenizer = AutoTokenizer.from_pretrained(MODEL)\n"
INPUTS = 'inputs = tokenizer("Hi", return_tensors="pt")\n'
BATCH = 'inputs = tokenizer(["Hi", "Ho there"], return_tensors="pt", padding=True)\n'
EIGHT = "quantization_config=BitsAndBytesConfig(load_in_8bit=True)"


def load(arguments: str = "", model: str = "MODEL") -> str:
    return f"model = AutoModelForCausalLM.from_pretrained({', '.join(filter(None, (model, arguments)))})\n"


def generate(arguments: str, inputs: str = INPUTS, **loading: str) -> str:
    return (
        TOKENIZER
        + load(**loading)
        + inputs
        + f"out = model.generate({', '.join(filter(None, ('**inputs, max_new_tokens=8', arguments)))})\n"
    )


class Case(NamedTuple):
    """mended: what stands in the corrected script instead; None: it stays as it is."""

    rule: str
    bad: str
    good: str
    mended: str | None = None


CASES = [
    Case("load_in_bits", load("load_in_8bit=True"), load(EIGHT), f"MODEL, {EIGHT})"),
    Case("load_in_bits", load("load_in_4bit=False, dtype='auto'"), load("dtype='auto'"), "MODEL, dtype='auto')"),
    Case(
        "load_in_bits",
        load("load_in_4bit=True, bnb_4bit_quant_type='nf4'"),
        load(EIGHT),
        "quantization_config=BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type='nf4'))",
    ),
    Case(
        "load_in_bits",
        'p = pipeline("text-generation", MODEL, load_in_8bit=True)\n',
        f'p = pipeline("text-generation", MODEL, model_kwargs=dict({EIGHT}))\n',
        'model_kwargs={"quantization_config": BitsAndBytesConfig(load_in_8bit=True)})',
    ),
    Case("torch_dtype", load("torch_dtype=torch.float16"), load("dtype=torch.float16"), "(MODEL, dtype=torch.float16)"),
    Case("dtype_word", load('dtype="bf16"'), load('dtype="half"'), 'dtype="bfloat16"'),
    Case("dtype_word", load('dtype="torch.float16"'), load("dtype=torch.float16"), 'dtype="float16"'),
    Case("use_flash_attention_2", load("use_flash_attention_2=True"), load(), 'attn_implementation="sdpa"'),
    Case(
        "attention_word",
        load('attn_implementation="flashattention"'),
        load('attn_implementation="eager"'),
        'attn_implementation="flash_attention_2"',
    ),
    Case(
        "trust_remote_code", load("trust_remote_code=True"), load("trust_remote_code=False"), "from_pretrained(MODEL)"
    ),
    Case("trust_remote_code", load("trust_remote_code=True", '"someone/own"'), load("", '"someone/own"')),
    Case("use_auth_token", load('use_auth_token="hf_x"'), load('token="hf_x"'), 'token="hf_x"'),
    Case("thrown_away", load("low_cpu_mem_usage=True"), load("use_safetensors=True"), "from_pretrained(MODEL)"),
    Case("tp_plan", load('tp_plan="auto"'), load('device_map="auto"')),
    Case("unknown_at_load", load("attention_implementation='eager'"), load("rope_scaling=None, use_cache=True")),
    Case("unknown_at_load", load("device_maps='auto'"), load("device_map='auto'"), "device_map='auto'"),
    Case(
        "unknown_at_load",
        'p = pipeline("text-generation", MODEL, attn_implementation="eager")\n',
        'p = pipeline("text-generation", MODEL, max_new_tokens=5, temperature=0.5)\n',
    ),
    Case(
        "unknown_at_load",
        'p = pipeline("text-generation", MODEL, model_kwargs={"dtypo": "auto"})\n',
        'p = pipeline("text-generation", MODEL, model_kwargs={"dtype": "auto"})\n',
        '{"dtype": "auto"}',
    ),
    Case(
        "ignored_by_tokenizer",
        'tokenizer = AutoTokenizer.from_pretrained(MODEL, device_map="auto")\n' + load(),
        'tokenizer = AutoTokenizer.from_pretrained(MODEL, padding_side="left")\n' + load(),
        "AutoTokenizer.from_pretrained(MODEL)",
    ),
    Case(
        "two_places",
        'p = pipeline("text-generation", MODEL, device=0, device_map="auto")\n',
        'p = pipeline("text-generation", MODEL, device_map="auto")\n',
        "MODEL, device=0)",
    ),
    Case(
        "moved_after_map",
        load('device_map="auto"') + 'model.to("cuda")\nx = 1\n',
        load() + 'model.to("cuda")\n',
        'device_map="auto")\nx = 1\n',
    ),
    Case(
        "cast_after_load",
        load() + "model = model.half()\nx = 1\n",
        load("dtype='float16'"),
        'MODEL, dtype="float16")\nx',
    ),
    Case(
        "cast_after_load",
        "model = AutoModelForCausalLM.from_pretrained(MODEL).to(torch.bfloat16).eval()\n",
        load() + 'model.to("cuda")\n',
        'from_pretrained(MODEL, dtype="bfloat16").eval()',
    ),
    Case("upcast", load("dtype=torch.float32"), load("dtype=torch.float32", '"someone/own"')),
    Case(
        "better_transformer",
        load() + "model = model.to_bettertransformer()\nx = 1\n",
        load() + "model.tie_weights()\n",
        "(MODEL)\nx = 1\n",
    ),
    Case(
        "better_transformer",
        "from optimum.bettertransformer import BetterTransformer\n"
        + load()
        + "model = BetterTransformer.transform(model)\n",
        load() + "transform(model)\n",
        "model = model\n",
    ),
    Case(
        "data_parallel",
        load() + "model = torch.nn.DataParallel(model, device_ids=[0, 1])\n",
        load() + "other = torch.nn.DataParallel(head)\n",
        "model = model\n",
    ),
    Case("other_library", load() + "model = PeftModel.from_pretrained(model, 'a/lora')\n", load()),
    Case("eval", load() + "model.eval()\n", load() + "model.train()\nmodel.eval()\n"),
    Case(
        "gradient_checkpointing",
        load() + "model.gradient_checkpointing_enable()\nx = 1\n",
        load() + "model.train()\nmodel.gradient_checkpointing_enable()\n",
        ")\nx = 1\n",
    ),
    Case(
        "both_bits", load("quantization_config=BitsAndBytesConfig(load_in_8bit=True, load_in_4bit=True)"), load(EIGHT)
    ),
    Case("no_bits", load("quantization_config=BitsAndBytesConfig(bnb_4bit_quant_type='nf4')"), load(EIGHT)),
    Case(
        "other_bits",
        load("quantization_config=BitsAndBytesConfig(load_in_8bit=True, bnb_4bit_quant_type='nf4')"),
        load("quantization_config=BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type='nf4')"),
        EIGHT,
    ),
    Case(
        "unknown_at_bnb",
        load("quantization_config=BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_typ='nf4')"),
        load("quantization_config=BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type='nf4')"),
        "bnb_4bit_quant_type='nf4'",
    ),
    Case(
        "quantised_already",
        load(EIGHT, '"deepseek-ai/DeepSeek-R1"'),
        load(EIGHT),
        'from_pretrained("deepseek-ai/DeepSeek-R1")',
    ),
    Case("cast_quantised", load(EIGHT) + "model.half()\nx = 1\n", load(EIGHT) + "model.bfloat16()\n", "))\nx = 1\n"),
    Case(
        "moved_quantised",
        load(EIGHT) + "model = model.cuda()\nx = 1\n",
        load("quantization_config=BitsAndBytesConfig(load_in_4bit=True)") + "model.cuda()\n",
        "))\nx = 1\n",
    ),
    Case(
        "sampling_with_greedy",
        generate("do_sample=False, temperature=0.7, top_p=0.9"),
        generate("do_sample=False, temperature=1.0, top_k=50"),
        "max_new_tokens=8, do_sample=False)",
    ),
    Case("sampling_not_on", generate("temperature=0.7"), generate("do_sample=True, temperature=0.7")),
    Case("sampling_not_on", generate("temperature=0.0"), generate("do_sample=x, temperature=0.0"), "max_new_tokens=8)"),
    Case("sampling_at_zero", generate("do_sample=True, temperature=0"), generate("do_sample=True"), "do_sample=False)"),
    Case(
        "sampling_near_zero",
        generate("do_sample=True, temperature=1e-6"),
        generate("do_sample=True, temperature=0.1"),
        "do_sample=False)",
    ),
    Case("two_lengths", generate("max_length=99"), generate("min_length=1"), "max_new_tokens=8)"),
    Case(
        "whole_length", load() + "model.generate(x, max_length=9)\n", load() + "model.generate(x, max_new_tokens=9)\n"
    ),
    Case("no_length", load() + "model.generate(x)\n", load() + "model.generate(x, generation_config=config)\n"),
    Case("no_cache", generate("use_cache=False"), generate("use_cache=True"), "max_new_tokens=8)"),
    Case("no_cache", load() + "model.config.use_cache = False\n", load() + "model.config.use_cache = True\n"),
    Case("cache_word", generate('cache_implementation="fast"'), generate('cache_implementation="static"')),
    Case(
        "old_cache",
        generate('cache_implementation="hybrid"'),
        generate('cache_implementation="dynamic"'),
        'cache_implementation="static"',
    ),
    Case("beams", generate("num_beams=4"), generate("num_beams=1")),
    Case(
        "beam_only", generate("early_stopping=True"), generate("num_beams=2, early_stopping=True"), "max_new_tokens=8)"
    ),
    Case(
        "greedy_sequences",
        generate("num_return_sequences=2"),
        generate("num_return_sequences=2, do_sample=True"),
        "max_new_tokens=8)",
    ),
    Case(
        "outputs_ignored",
        generate("output_scores=True"),
        generate("output_scores=True, return_dict_in_generate=True"),
        "max_new_tokens=8)",
    ),
    Case(
        "outputs_kept",
        generate("output_scores=True, return_dict_in_generate=True"),
        generate("return_dict_in_generate=True"),
    ),
    Case("moved_to_hub", generate("penalty_alpha=0.6, top_k=4"), generate("num_beam_groups=1")),
    Case(
        "stops_without_tokenizer",
        generate('stop_strings=["END"]'),
        generate('stop_strings=["END"], tokenizer=tokenizer'),
        'stop_strings=["END"], tokenizer=tokenizer',
    ),
    Case(
        "config_and_arguments",
        generate("generation_config=GenerationConfig(do_sample=False)"),
        load() + "model.generate(x, generation_config=GenerationConfig(max_new_tokens=9))\n",
    ),
    Case("unknown_at_generate", generate("max_new_token=9"), generate("min_new_tokens=2")),
    Case(
        "unknown_at_generate",
        load() + "model.generate(x, max_new_tokes=9)\n",
        load() + "model.generate(x, token_type_ids=None)\n",
        "max_new_tokens=9",
    ),
    Case(
        "unknown_in_config",
        load() + "c = GenerationConfig(max_new_token=9)\n",
        load() + "c = GenerationConfig(max_new_tokens=9)\n",
        "GenerationConfig(max_new_tokens=9)",
    ),
    Case(
        "no_grad",
        TOKENIZER + load() + INPUTS + "with torch.no_grad():\n    model.generate(**inputs, max_new_tokens=8)\n",
        TOKENIZER + load() + INPUTS + "with torch.no_grad():\n    model(**inputs)\n",
    ),
    Case(
        "compiled_dynamic",
        TOKENIZER + load() + INPUTS + "model = torch.compile(model)\nmodel.generate(**inputs, max_new_tokens=8)\n",
        TOKENIZER
        + load()
        + INPUTS
        + 'model = torch.compile(model)\nmodel.generate(**inputs, max_new_tokens=8, cache_implementation="static")\n',
    ),
    Case(
        "compiled_dynamic",
        TOKENIZER
        + load()
        + INPUTS
        + "model.forward = torch.compile(model.forward)\nmodel.generate(**inputs, max_new_tokens=8)\n",
        load() + "f = torch.compile(other)\n",
    ),
    Case(
        "emptied_in_loop",
        load() + "for x in y:\n    torch.cuda.empty_cache()\n",
        load() + "del model\ntorch.cuda.empty_cache()\n",
    ),
    Case("wrong_eos", generate("eos_token_id=32000"), generate("eos_token_id=[100001]"), "eos_token_id=100001"),
    Case(
        "wrong_eos",
        load() + "model.generation_config.eos_token_id = 2\n",
        load() + "model.generation_config.eos_token_id = tokenizer.eos_token_id\n",
        "eos_token_id = 100001\n",
    ),
    Case("wrong_eos", generate("eos_token_id=[2, 3]"), generate("eos_token_id=[100001, 2]"), "eos_token_id=100001"),
    Case("wrong_eos", generate("eos_token_id=[2]"), generate("eos_token_id=[tokenizer.eos_token_id, 2]")),
    Case("wrong_pad", generate("pad_token_id=0"), generate("pad_token_id=100001"), "pad_token_id=100001"),
    Case(
        "negative_pad",
        load(model='"someone/own"') + "model.generate(x, max_new_tokens=8, pad_token_id=-1)\n",
        load(model='"someone/own"') + "model.generate(x, max_new_tokens=8, pad_token_id=1)\n",
    ),
    Case(
        "pad_added",
        TOKENIZER + 'tokenizer.pad_token = "[PAD]"\n' + load(),
        TOKENIZER + 'tokenizer.pad_token = "[PAD]"\n' + load() + "model.resize_token_embeddings(len(tokenizer))\n",
        "tokenizer.pad_token = tokenizer.eos_token\n",
    ),
    Case(
        "pad_added",
        TOKENIZER + 'tokenizer.add_special_tokens({"pad_token": "[PAD]"})\n' + load(),
        TOKENIZER + 'tokenizer.add_special_tokens({"pad_token": "<|im_end|>"})\n' + load(),
    ),
    Case(
        "pad_is_eos",
        TOKENIZER + "tokenizer.pad_token = tokenizer.eos_token\n" + load(),
        TOKENIZER + "tokenizer.pad_token = tokenizer.unk_token\n" + load(),
    ),
    Case(
        "padding_right",
        'tokenizer = AutoTokenizer.from_pretrained(MODEL, padding_side="right")\n'
        + load()
        + BATCH
        + "model.generate(**inputs, max_new_tokens=8)\n",
        'tokenizer = AutoTokenizer.from_pretrained(MODEL, padding_side="right")\n'
        + load()
        + BATCH
        + "model(**inputs)\n",
        'padding_side="left"',
    ),
    Case(
        "padding_right",
        TOKENIZER
        + 'tokenizer.padding_side = "right"\n'
        + load()
        + BATCH
        + "model.generate(**inputs, max_new_tokens=8)\n",
        TOKENIZER
        + 'tokenizer.padding_side = "left"\n'
        + load()
        + BATCH
        + "model.generate(**inputs, max_new_tokens=8)\n",
        'padding_side = "left"',
    ),
    Case(
        "no_mask",
        TOKENIZER + load() + BATCH + "model.generate(inputs.input_ids, max_new_tokens=8)\n",
        TOKENIZER + load() + INPUTS + "model.generate(inputs.input_ids, max_new_tokens=8)\n",
        "model.generate(inputs.input_ids, max_new_tokens=8, attention_mask=inputs.attention_mask)",
    ),
    Case(
        "no_mask",
        TOKENIZER + load() + BATCH + 'model.generate(input_ids=inputs["input_ids"].to("cuda"), max_new_tokens=8)\n',
        TOKENIZER + load() + BATCH + "model.generate(**inputs, max_new_tokens=8)\n",
        'attention_mask=inputs["attention_mask"].to("cuda"))',
    ),
    Case(
        "set_after_import",
        load() + 'os.environ["OMP_NUM_THREADS"] = "2"\nx = 1\n',
        load() + 'os.environ["MY_OWN"] = "2"\n',
        'import os\nos.environ["OMP_NUM_THREADS"] = "2"\nimport torch\n',
    ),
    Case(
        "set_after_import",
        load() + 'os.environ.setdefault("HF_HOME", "/data")\n',
        load() + 'os.environ.setdefault("HF_TOKEN", "x")\n',
    ),
    Case(
        "unread_variable",
        load() + 'os.environ["NUM_INTER_THREADS"] = "4"\n',
        load() + 'os.environ["OMP_THREAD_LIMIT"] = "4"\n',
    ),
    Case(
        "sdp_not_called",
        load('attn_implementation="eager"') + "torch.backends.cuda.enable_flash_sdp(True)\n",
        load('attn_implementation="sdpa"') + "torch.backends.cuda.enable_flash_sdp(True)\n",
    ),
    Case(
        "sdp_kernel",
        load() + "with torch.backends.cuda.sdp_kernel(enable_flash=True):\n    pass\n",
        load() + "with torch.nn.attention.sdpa_kernel(b):\n    pass\n",
    ),
    Case(
        "cudnn_benchmark",
        load() + "torch.backends.cudnn.benchmark = True\n",
        load() + "torch.backends.cudnn.benchmark = False\n",
    ),
    Case(
        "old_autocast",
        load() + "with torch.cuda.amp.autocast():\n    pass\n",
        load() + 'with torch.autocast("cuda"):\n    pass\n',
    ),
]
BY_OTHER_MEANS = {"attention_here", "padding_right_by_file"}  # they need facts beside the text: tests below


def rules(found: Pasted) -> set[str]:
    return {mark.rule for mark in found.marks}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_a_mark_is_where_it_belongs_and_nowhere_else(case: Case) -> None:
    bad, good = read(HEAD + case.bad), read(HEAD + case.good)
    assert case.rule in rules(bad)
    assert case.rule not in rules(good)


@pytest.mark.parametrize("case", [case for case in CASES if case.mended], ids=lambda case: case.rule)
def test_a_mended_argument_is_what_it_should_be(case: Case) -> None:
    found = read(HEAD + case.bad)
    mark = next(mark for mark in found.marks if mark.rule == case.rule)
    assert case.mended is not None
    assert case.mended in found.corrected
    assert mark not in found.unmended
    assert case.rule not in rules(read(found.corrected))


def test_every_rule_has_a_case_words_and_a_source() -> None:
    assert {rule.code for rule in RULES} == {case.rule for case in CASES} | BY_OTHER_MEANS
    assert len({rule.code for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert f"pasted.mark.{rule.code}" in templates()
        assert rule.source


def test_an_implementation_that_this_machine_lacks_is_refused() -> None:
    here = machine(packages=packages())
    found = read(HEAD + load('attn_implementation="flash_attention_2"'), machine=here)
    assert "attention_here" in rules(found)
    assert 'attn_implementation="sdpa"' in found.corrected
    assert "attention_here" not in rules(read(HEAD + load('attn_implementation="sdpa"'), machine=here))


def test_a_tokenizer_that_pads_right_by_its_files_is_told() -> None:
    text = HEAD + generate("", BATCH)
    right = read(text, look=lambda _name, _revision: Ids(padding_side="right", source="here"))
    assert "padding_right_by_file" in rules(right)
    assert 'AutoTokenizer.from_pretrained(MODEL, padding_side="left")' in right.corrected
    assert right.config.padding_side == "right"
    left = read(text, look=lambda _name, _revision: Ids(padding_side="left", source="here"))
    assert "padding_right_by_file" not in rules(left)


def test_a_model_that_samples_by_its_files_is_a_base_line_that_samples() -> None:
    text = HEAD + generate("")
    assert read(text).config.do_sample is False
    sampling = {"do_sample": True, "temperature": 0.6, "top_p": 0.95}
    found = read(text, look=lambda _name, _revision: Ids(sampling=sampling))
    assert (found.config.do_sample, found.config.temperature, found.config.top_p) == (True, 0.6, 0.95)


def test_a_mark_says_what_why_and_instead() -> None:
    (mark,) = read(HEAD + load("load_in_8bit=True")).marks
    assert mark.what.startswith("load_in_8bit is no argument")
    assert "TypeError" in mark.why
    assert mark.instead == "quantization_config=BitsAndBytesConfig(load_in_8bit=True)"
    assert "TypeError" in mark.source
    assert (mark.line, mark.argument, mark.kind) == (5, "load_in_8bit", "refused")


def test_code_of_an_unknown_repository_is_marked_and_left_in_the_script() -> None:
    found = read(HEAD + load("trust_remote_code=True", '"someone/own"'))
    (mark,) = [mark for mark in found.marks if mark.rule == "trust_remote_code"]
    assert mark in found.unmended  # whether the model can be loaded without it is not known
    assert found.corrected == found.text


def test_a_variable_moves_above_the_import_together_with_what_it_needs() -> None:
    found = read(f'import torch, os\nos.environ["OMP_NUM_THREADS"] = "2"\n{load()}')
    assert found.corrected.startswith('import os\nos.environ["OMP_NUM_THREADS"] = "2"\nimport torch, os\n')
    above = read(f'import os\nos.environ["OMP_NUM_THREADS"] = "2"\nimport torch\n{load()}')
    assert above.marks == ()
    assert above.config.threads == 2
