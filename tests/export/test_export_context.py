"""The exported code refuses what its model was not trained for, as the session does."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from workbench import export
from workbench.catalog.random_names import parse
from workbench.config import Config
from workbench.engine import random_model

pytestmark = pytest.mark.model

LIMIT = 64
CALLER = """
import json
import load_model
tokenizer, model = load_model.load()
prompt_tokens = load_model.encode(tokenizer, ["one"], False)["input_ids"].shape[1]
room = 64 - prompt_tokens
said = ""
try:
    load_model.generate(tokenizer, model, ["one"], room + 1, chat=False)
except ValueError as error:
    said = str(error)
[ids] = load_model.generate(tokenizer, model, ["one"], room, chat=False)
print(json.dumps({"prompt": prompt_tokens, "said": said, "new": len(ids)}))
"""


def test_what_does_not_fit_the_context_is_refused_with_the_numbers(tmp_path: Path, demo_home: Path) -> None:
    folder = tmp_path / "llama"
    spec = parse("random:deepseek-llm-7b-base?scale=tiny&layers=1")
    for part in random_model.build(spec, torch.float32, torch.device("cpu")):
        part.save_pretrained(folder)
    fields = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**fields, "max_position_embeddings": LIMIT}))
    code = export.render("transformers", Config(dtype="float32", threads=1), model=str(folder))
    (tmp_path / "load_model.py").write_text(code, encoding="utf-8")
    words = [sys.executable, "-c", CALLER]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["said"] == (
        f"{seen['prompt']} prompt and {LIMIT + 1 - seen['prompt']} new tokens are {LIMIT + 1};"
        f" the model's context is {LIMIT}"
    )
    assert 0 < seen["new"] <= LIMIT - seen["prompt"]
