"""Models of other configurations, each written into a folder of its own."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from workbench.catalog.random_names import parse
from workbench.engine.random_model import build, tokenizer_of

DENSE = "random:deepseek-llm-7b-base?scale=tiny"


def _deaf(folder: Path) -> None:
    """Attention that adds nothing, however many heads it has."""
    model, tokenizer = _built()
    for layer in model.model.layers:
        torch.nn.init.zeros_(layer.self_attn.o_proj.weight)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _wide(folder: Path) -> None:
    """Matrices that are large beside all else that a pass does."""
    spec = parse(f"{DENSE}&layers=2")
    sizes = {"hidden_size": 384, "intermediate_size": 1024, "tie_word_embeddings": True}
    model = LlamaForCausalLM(LlamaConfig(**{**spec.config, **sizes})).to(torch.float16)
    model.save_pretrained(folder)
    tokenizer_of(spec).save_pretrained(folder)


def _spoilt(folder: Path) -> None:
    """No pad token, 32000 as end token, and sampling by default."""
    model, tokenizer = _built()
    tokenizer.pad_token = None
    model.config.eos_token_id = model.generation_config.eos_token_id = 32000
    model.config.pad_token_id = model.generation_config.pad_token_id = None
    model.generation_config.do_sample = True
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _loses_spaces(folder: Path) -> None:
    """A tokenizer that gives back its text without the spaces."""
    model, tokenizer = _built()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    path = folder / "tokenizer.json"
    whole = json.loads(path.read_text(encoding="utf-8"))
    removes = {"type": "Replace", "pattern": {"String": " "}, "content": ""}
    decoder = {"type": "Sequence", "decoders": [whole["decoder"], removes]}
    path.write_text(json.dumps({**whole, "decoder": decoder}), encoding="utf-8")


def _built() -> tuple[Any, Any]:
    return build(parse(DENSE), torch.bfloat16, torch.device("cpu"))


FOLDERS: Mapping[str, Callable[[Path], None]] = {
    "deaf": _deaf,
    "wide": _wide,
    "spoilt": _spoilt,
    "loses spaces": _loses_spaces,
}
