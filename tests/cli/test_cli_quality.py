"""workbench quality, census and sensitivity: one document on stdout, or the verdict in words; exit status 0, 1, 2."""

import json
from pathlib import Path

import pytest

from workbench.cli import main

TINY = "random:deepseek-llm-7b-base?scale=tiny&layers=2"
TEXT = "The sea is calm tonight. The tide is full, the moon lies fair upon the straits. " * 6
INT8 = ["--set", "dtype=float32", "--set", "quantization=torchao-int8-weight"]


@pytest.mark.parametrize(
    "words",
    [
        ["quality", TINY, "--suite"],
        ["quality", TINY, "--set", "quantization=int3"],
        ["quality", TINY, "--reference", "quantisation=none"],
        ["census", TINY, "--suite", "short"],
        ["sensitivity", TINY, "--set", "skip_modules=<b>"],
    ],
    ids=lambda words: " ".join(words[2:]),
)
def test_wrong_usage_is_2(words: list[str], capsys: pytest.CaptureFixture[str], demo_home: Path) -> None:
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "Traceback" not in said.err


@pytest.mark.model
def test_quality_of_a_text_of_ones_own(demo_home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "own.txt"
    text.write_text(TEXT, encoding="utf-8")
    words = ["quality", TINY, *INT8, "--suite", str(text)]
    assert main(words) == 0
    said = capfd.readouterr()
    assert said.out.startswith("torchao-int8-weight")
    assert "own text" in said.out
    assert "noise floor" in said.out
    assert main([*words, "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert document["schema"] == "workbench.quality/1"
    assert document["config"]["quantization"] == "torchao-int8-weight"
    assert document["result"]["reference_seconds"] == 0  # on disk since the first call
    assert str(tmp_path) not in json.dumps(document)


@pytest.mark.model
def test_census_as_a_table_and_as_a_document(demo_home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["census", TINY, *INT8]) == 0
    out = capfd.readouterr().out
    assert "of the weights were not quantised" in out.splitlines()[0]
    assert "int8" in out
    assert main(["census", TINY, "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert document["schema"] == "workbench.census/1"
    assert document["result"]["ran"] == "none"


@pytest.mark.model
def test_sensitivity_ranks_and_refuses_a_model_in_full(demo_home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["sensitivity", TINY, *INT8, "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert document["schema"] == "workbench.sensitivity/1"
    assert document["result"]["groups"]
    assert main(["sensitivity", TINY]) == 1
    said = capfd.readouterr()
    assert said.out == ""
    assert "Traceback" not in said.err
