"""Writes a tiny model with random weights into a folder: python -m workbench.engine.tiny FOLDER."""

import sys
from pathlib import Path

import torch

from workbench.catalog.random_names import parse
from workbench.engine.random_model import build

NAME = "random:deepseek-llm-7b-base?scale=tiny&layers=2"


def write(folder: Path) -> None:
    """Configuration, weights and tokenizer, as `from_pretrained` reads them."""
    model, tokenizer = build(parse(NAME), torch.float32, torch.device("cpu"))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
