"""A real OpenAI-compatible server, `transformers serve`, and small checkpoints for it that differ in one thing each."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from workbench.endpoint.prompts import TELLING

_STARTS_WITHIN_S = 240.0


@contextmanager
def transformers_serve(folder: Path, *options: str) -> Iterator[str]:
    """Its address. Started on a free port of the loopback, ended by its own process id; its output is in `folder`."""
    pytest.importorskip("fastapi", reason="transformers serve needs the packages of the extra dev")
    pytest.importorskip("openai", reason="transformers serve needs the packages of the extra dev")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).parent / "transformers"), "serve", *options]
    command += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hub"), "OMP_NUM_THREADS": "1"}
    (folder / "hub" / "hub").mkdir(parents=True, exist_ok=True)  # without it the server fails at /v1/models
    log = folder / "serve.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        url = f"http://127.0.0.1:{port}"
        until = time.monotonic() + _STARTS_WITHIN_S
        while not _answers(f"{url}/health"):
            if process.poll() is not None or time.monotonic() > until:
                pytest.fail(f"transformers serve did not start:\n{log.read_text()[-3000:]}", pytrace=False)
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def checkpoints(folder: Path, demo: Path) -> dict[str, Path]:
    """Of one small random Llama with the demo's tokenizer and template: base, and with another dtype, template, eos.

    The base ends its answers: its generation config names a token that its own greedy answers contain.
    """
    import torch
    from transformers import AutoTokenizer, GenerationConfig, LlamaConfig, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(demo)
    torch.manual_seed(4)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        initializer_range=0.5,  # the next token depends on the last ones, and few choices are near ties
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    model = LlamaForCausalLM(config).float().eval()
    common: dict[str, Any] = {"bos_token_id": 1, "pad_token_id": 2}
    chat = tokenizer.apply_chat_template(list(TELLING[0][1]), add_generation_prompt=True, tokenize=False)
    batch = tokenizer(chat, return_tensors="pt", add_special_tokens=False)
    written = model.generate(**batch, max_new_tokens=8, do_sample=False)[0, batch["input_ids"].shape[1] :].tolist()
    ends = {"base": [2, written[-1]], "eos": [2], "template": [2, written[-1]], "dtype": [2, written[-1]]}
    found = {}
    for name, eos in ends.items():
        where = found[name] = folder / name
        model.generation_config = GenerationConfig(eos_token_id=eos, **common)
        (model.to(torch.bfloat16) if name == "dtype" else model).save_pretrained(where)
        for file in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
            shutil.copy(demo / file, where)
    jinja = found["template"] / "chat_template.jinja"
    jinja.write_text(jinja.read_text(encoding="utf-8").replace("assistant", "helper"), encoding="utf-8")
    return found
