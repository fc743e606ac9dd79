"""A small model and tokenizer that are sound together, and what breaks them, a defect at a time."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import processors
from transformers import AutoTokenizer, GenerationConfig, LlamaConfig, LlamaForCausalLM

from workbench.engine.demo import ensure_demo

SHAPE = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
IDS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
WORD = 32000  # ordinary text in the demo's tokenizer, as in DeepSeek's


def sound(rows: int = 49152) -> Any:
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(vocab_size=rows, **SHAPE)).eval()
    for name, value in IDS.items():
        setattr(model.config, name, value)
    model.generation_config = GenerationConfig(**IDS)
    return model


def own_tokenizer(folder: Path | None = None) -> Any:
    tokenizer = AutoTokenizer.from_pretrained(folder or ensure_demo())
    if folder is None:
        tokenizer.name_or_path = ""  # no tokenizer_config.json beside it
        tokenizer.pad_token = "<|endoftext|>"
    tokenizer.padding_side = "left"
    return tokenizer


def without_pad(model: Any, tokenizer: Any) -> None:
    tokenizer.pad_token = model.config.pad_token_id = model.generation_config.pad_token_id = None


def without_end_in_generation_config(model: Any, tokenizer: Any) -> None:
    model.generation_config.eos_token_id = None


def without_any_end(model: Any, tokenizer: Any) -> None:
    tokenizer.eos_token = model.config.eos_token_id = model.generation_config.eos_token_id = None


def without_end_pad_and_template(model: Any, tokenizer: Any) -> None:
    without_any_end(model, tokenizer)
    without_pad(model, tokenizer)
    tokenizer.chat_template = None


def ending_with_a_word(model: Any, tokenizer: Any) -> None:
    model.generation_config.eos_token_id = WORD


def ending_beyond_the_vocabulary(model: Any, tokenizer: Any) -> None:
    model.generation_config.eos_token_id = 999_999


def ending_otherwise_than_the_template(model: Any, tokenizer: Any) -> None:
    tokenizer.eos_token = "<repo_name>"
    model.config.eos_token_id = 3
    model.generation_config.eos_token_id = [3]


def padding_beyond_the_vocabulary(model: Any, tokenizer: Any) -> None:
    tokenizer.add_special_tokens({"pad_token": "<|more|>"})  # id 49152
    model.generation_config.pad_token_id = model.config.pad_token_id = 49152


def several_that_have_nothing_to_do_with_each_other(model: Any, tokenizer: Any) -> None:
    model.generation_config.do_sample = True
    model.generation_config.temperature = 0.6
    model.config.bos_token_id = 5
    model.generation_config.pad_token_id = 5
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<|im_start|> $A", special_tokens=[("<|im_start|>", 1)]
    )


def with_control_tokens_that_are_none(model: Any, tokenizer: Any) -> None:
    tokenizer.chat_template = tokenizer.chat_template.replace("<|im_end|>", "<|turn_end|>")


def without_generation_prompt(model: Any, tokenizer: Any) -> None:
    tokenizer.chat_template = tokenizer.chat_template.replace("{% if add_generation_prompt %}", "{% if false %}")


def refusing_to_render(model: Any, tokenizer: Any) -> None:
    tokenizer.chat_template = "{{ raise_exception('no such <b>role</b>') }}"


def dropping_what_is_said(model: Any, tokenizer: Any) -> None:
    tokenizer.chat_template = tokenizer.chat_template.replace("message['content']", "'x'")


def with_one_token_for_both(model: Any, tokenizer: Any) -> None:
    tokenizer.pad_token = "<|im_end|>"
    model.config.pad_token_id = model.generation_config.pad_token_id = 2
