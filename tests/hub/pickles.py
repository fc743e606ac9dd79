"""Pickle-only checkpoints for the tests: one file or two, with what lies beside such files in the wild."""

import json
import threading
from pathlib import Path
from typing import Any

import torch

from workbench.hub import convert
from workbench.probes.context import Context

CONFIG = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 8,
    "vocab_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 16,
}


def context(stop: threading.Event | None = None, seen: list[Any] | None = None) -> Context:
    return Context(lambda name, data: seen.append((name, data)) if seen is not None else None, stop)


def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {
        "model.embed_tokens.weight": torch.randn(16, 8),
        "model.layers.0.mlp.weight": torch.randn(16, 8, dtype=torch.bfloat16),
        "model.layers.1.mlp.weight": torch.randn(8, 16).t(),  # not contiguous
        "model.norm.weight": torch.full((8,), float("nan")),
        "lm_head.weight": torch.randn(16, 8),
    }


def make_folder(tmp_path: Path) -> Path:
    """A pickle-only checkpoint with a tokenizer, a licence, code of its own and a trainer's leftovers."""
    made = tmp_path / "old model"
    made.mkdir()
    (made / "config.json").write_text(json.dumps(CONFIG))
    (made / "tokenizer.json").write_text("{}")
    (made / "LICENSE").write_text("free")
    (made / "modeling_own.py").write_text("raise SystemExit('ran')")
    torch.save({"step": 1}, made / "training_args.bin")
    torch.save(weights(), made / "pytorch_model.bin")
    return made


def sharded(folder: Path) -> Path:
    tensors = weights()
    parts = {
        "pytorch_model-00001-of-00002.bin": list(tensors)[:2],
        "pytorch_model-00002-of-00002.bin": list(tensors)[2:],
    }
    for file, names in parts.items():
        torch.save({name: tensors[name] for name in names}, folder / file)
    placed = {name: file for file, names in parts.items() for name in names}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": placed}))
    (folder / "pytorch_model.bin").unlink()
    return folder


def convert_folder(folder: Path, target: Path | None = None, **options: Any) -> Path:
    return convert.convert(convert.examine(folder, folder.name), context(**options), target)
