"""The Triton repository: a config that its grammar takes, and a model.py that answers batches for real."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workbench import export
from workbench.config import Config
from workbench.results import Workload

Make = Callable[..., Any]
HUB = "deepseek-ai/deepseek-llm-7b-base"

# Triton's module for python models exists only inside its server: this has the four names that model.py uses
CALLER = """
import importlib.util, json, sys, types
import numpy as np
sys.modules["workbench"] = None  # every import of it fails

class Tensor:
    def __init__(self, name, values): self.name, self.values = name, values
    def as_numpy(self): return self.values

class Request:
    def __init__(self, texts, limits):
        self.inputs = {"text_input": Tensor("text_input", np.array([[t.encode()] for t in texts], dtype=object))}
        if limits: self.inputs["max_tokens"] = Tensor("max_tokens", np.array([[n] for n in limits], dtype=np.int32))

class InferenceResponse:
    def __init__(self, output_tensors, error=None): self.output_tensors, self.error = output_tensors, error

utils = types.ModuleType("triton_python_backend_utils")
utils.Tensor, utils.InferenceResponse, utils.TritonError = Tensor, InferenceResponse, str
utils.get_input_tensor_by_name = lambda request, name: request.inputs.get(name)
sys.modules["triton_python_backend_utils"] = utils

spec = importlib.util.spec_from_file_location("model", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.MAX_TOKENS = 5
model = module.TritonPythonModel()
model.initialize({})
requests = [Request(*each) for each in json.loads(sys.argv[2])]
told = []
for response in model.execute(requests):
    words = {each.name: each.values for each in response.output_tensors}
    told.append({
        "error": response.error,
        "texts": [row[0].decode() for row in words.get("text_output", [])],
        "counts": [int(row[0]) for row in words.get("token_count", [])],
        "types": [str(each.dtype) for each in words.values()],
    })
print(json.dumps(told))
model.finalize()
"""


def parse(text: str) -> dict[str, list[Any]]:
    """Protocol buffers' text format, as much as a model configuration uses: field -> its values in order."""
    tokens = re.findall(r'"(?:[^"\\]|\\.)*"|[\w.-]+|[{}\[\]:,]', re.sub(r"^#.*$", "", text, flags=re.MULTILINE))
    assert "".join(tokens) == re.sub(r"\s+(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", "", re.sub(r"^#.*$", "", text, flags=re.M))
    found, rest = _message(tokens)
    assert not rest
    return found


def _message(tokens: list[str]) -> tuple[dict[str, list[Any]], list[str]]:
    found: dict[str, list[Any]] = {}
    while tokens and tokens[0] != "}":
        name, then, *tokens = tokens
        values = found.setdefault(name, [])
        if then == "{":
            inner, tokens = _message(tokens)
            assert tokens[0] == "}"
            values.append(inner)
            tokens = tokens[1:]
            continue
        assert then == ":"
        if tokens[0] == "[":
            end = tokens.index("]")
            values.append([each for each in tokens[1:end] if each != ","])
            tokens = tokens[end + 1 :]
        else:
            values.append(tokens[0])
            tokens = tokens[1:]
    return found, tokens


def test_the_config_has_inputs_outputs_and_dynamic_batching() -> None:
    found = parse(export.render("triton", Config(), model=HUB, workload=Workload(batch_size=16)))
    assert found["name"] == ['"deepseek-ai-deepseek-llm-7b-base"']
    assert found["backend"] == ['"python"']
    assert found["max_batch_size"] == ["16"]
    assert [each["name"] for each in found["input"]] == [['"text_input"'], ['"max_tokens"']]
    assert [each["data_type"] for each in found["input"]] == [["TYPE_STRING"], ["TYPE_INT32"]]
    assert found["input"][1]["optional"] == ["true"]
    assert [each["name"] for each in found["output"]] == [['"text_output"'], ['"token_count"']]
    assert found["dynamic_batching"] == [
        {"preferred_batch_size": [["8", "16"]], "max_queue_delay_microseconds": ["5000"]}
    ]
    assert found["instance_group"] == [{"count": ["1"], "kind": ["KIND_AUTO"]}]


def test_a_cpu_stays_one_and_a_named_gpu_sets_the_largest_batch() -> None:
    on_cpu = parse(export.render("triton", Config(device="cpu"), model=HUB))
    assert on_cpu["instance_group"][0]["kind"] == ["KIND_CPU"]
    small = parse(export.render("triton", Config(), model=HUB, on="l4", workload=Workload(prompt_tokens=4000)))
    large = parse(export.render("triton", Config(), model=HUB, on="h200", workload=Workload(prompt_tokens=4000)))
    assert int(small["max_batch_size"][0]) < int(large["max_batch_size"][0]) <= 64


def test_the_repository_is_laid_out_as_triton_reads_it() -> None:
    made = export.snippet("triton", Config(), model=HUB)
    folder = "model_repository/deepseek-ai-deepseek-llm-7b-base"
    assert {f"{folder}/config.pbtxt", f"{folder}/1/model.py", f"{folder}/1/load_model.py", "serve.sh"} <= set(
        made.files
    )
    names = {each["name"] for each in json.loads(made.files["request.json"])["inputs"]}
    assert names == {"text_input", "max_tokens"}
    assert "Does not carry over" not in made.code


@pytest.mark.model
def test_model_py_answers_requests_that_arrive_together(demo_home: Path, tmp_path: Path) -> None:
    made = export.snippet("triton", Config(device="cpu"), model="demo")
    for name, content in made.files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    (model,) = tmp_path.rglob("model.py")
    requests = [
        [["What is the capital of France?"], [6]],
        [["Say hello.", "Count to three."], [3, 4]],
        [[""], [5]],
        [["One word: yes or no?"], None],
        [["x"], [0]],
    ]
    done = subprocess.run(
        [sys.executable, "-I", "-W", "ignore", "-c", CALLER, str(model), json.dumps(requests)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    first, second, empty, unlimited, none = json.loads(done.stdout)
    assert first["error"] is None
    assert first["counts"] == [6]
    assert first["texts"][0].strip()
    assert second["counts"] == [3, 4]
    assert first["types"] == ["object", "int32"]
    assert unlimited["counts"][0] <= 5
    for refused in (empty, none):
        assert "max_tokens of at least 1" in refused["error"]
        assert refused["texts"] == []
