"""The commands by the tools' own parsers where those are installed, and by the recorded names everywhere."""

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from workbench import export
from workbench.catalog.serving import TOOLS
from workbench.config import Config
from workbench.export.serving import pbtxt

Make = Callable[..., Any]
HUB = "deepseek-ai/deepseek-llm-7b-base"
V3 = "deepseek-ai/DeepSeek-V3"
CONFIGS = [
    Config(),
    Config(dtype="bfloat16", quantization="fp8", do_sample=True, temperature=0.6, eos_token_ids=(1, 2)),
    Config(dtype="float16", quantization="bnb-nf4", cache="quantized", cache_backend="fp8", threads=2),
]
PLACES: list[dict[str, Any]] = [{"context": 512}, {"on": "2x l40s"}, {"on": "h100-sxm", "gpus": 8, "nodes": 2}]
OURS = {"--mpi", "--nodes", "--ntasks", "--ntasks-per-node"}  # srun's

_VLLM = """
import json, sys, vllm.platforms as platforms
from vllm.platforms.cpu import CpuPlatform
platforms._current_platform = CpuPlatform()  # the wheel is for CUDA, which this machine may lack
from vllm.entrypoints.common.cli_args import make_arg_parser
from vllm.utils.argparse_utils import FlexibleArgumentParser
parser = make_arg_parser(FlexibleArgumentParser(prog="vllm serve"))
for words in json.loads(sys.argv[1]):
    found = parser.parse_args(words[2:])
    assert found.model_tag == words[2], found
    assert found.override_generation_config is not None
"""
_SGLANG = """
import argparse, json, sys
from sglang.srt.server_args import ServerArgs
parser = argparse.ArgumentParser(allow_abbrev=False)
ServerArgs.add_cli_args(parser)
for words in json.loads(sys.argv[1]):
    found = parser.parse_args(words[3:])
    assert found.model_path == words[3].removeprefix("--model-path="), found
"""


def commands(target: str, program: str, run_script: Make) -> list[list[str]]:
    """What scripts of `target` call `program` with, over configs and places."""
    found = []
    for config in CONFIGS:
        for place in PLACES:
            model = V3 if place.get("nodes") else HUB
            if place.get("nodes") and not TOOLS[target].machines:
                continue
            code = export.render(target, config, model=model, **place)
            found += [call for call in run_script(code, HEAD="h", NODE_RANK="1") if program in call]
    return found


@pytest.mark.parametrize(
    ("target", "program"),
    [
        ("vllm", "vllm"),
        ("sglang", "sglang.launch_server"),
        ("tgi", "text-generation-launcher"),
        ("tensorrt-llm", "trtllm-serve"),
        ("llama.cpp", "llama-server"),
    ],
)
def test_each_option_is_one_that_was_read_in_the_tools_source(target: str, program: str, run_script: Make) -> None:
    known = set(TOOLS[target].options.values()) | OURS
    for words in commands(target, program, run_script):
        assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize(
    ("package", "program", "code"), [("vllm", "vllm", _VLLM), ("sglang", "sglang.launch_server", _SGLANG)]
)
def test_the_tools_own_parser_takes_each_command(package: str, program: str, code: str, run_script: Make) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed: checked against the names recorded from {TOOLS[package].version}")
    words = commands(package, program, run_script)
    assert len(words) >= 9
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, json.dumps(words)], capture_output=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:].decode()


def test_llama_server_takes_each_command(run_script: Make) -> None:
    program = shutil.which("llama-server")
    if program is None:
        pytest.skip(
            f"llama-server is not on PATH: checked against the names recorded from {TOOLS['llama.cpp'].version}"
        )
    for words in commands("llama.cpp", "llama-server", run_script):
        done = subprocess.run([program, *words[1:], "--version"], capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr[-2000:].decode()
    wrong = subprocess.run([program, "--no-such-option", "--version"], capture_output=True, timeout=60, check=False)
    assert wrong.returncode != 0


def test_triton_s_own_message_takes_the_config() -> None:
    code = export.render("triton", Config(), model=HUB, on="l4")
    value = "quotes \" and ' \\ \n $(touch canary) 名 \x1b"
    script = (
        "import sys, numpy\nfrom google.protobuf import text_format\n"
        "from tritonclient.grpc.model_config_pb2 import ModelConfig\n"
        "found = text_format.Parse(sys.argv[1], ModelConfig())\n"
        "print(found.name, found.max_batch_size, len(found.input), len(found.output), "
        "found.dynamic_batching.max_queue_delay_microseconds)\n"
        "assert text_format.Parse('name: ' + sys.argv[2], ModelConfig()).name == sys.argv[3]\n"
    )
    words = [sys.executable, "-c", script, code, pbtxt.quote(value), value]
    done = subprocess.run(words, capture_output=True, timeout=60, check=False, text=True)
    assert done.returncode == 0, done.stderr
    name, rows, inputs, outputs, delay = done.stdout.split()
    assert (name, inputs, outputs, delay) == ("deepseek-ai-deepseek-llm-7b-base", "2", "2", "5000")
    assert int(rows) >= 1
