"""workbench export: files for each target, the list of targets, and --verify, whose exit status tells."""

import json
import os
from pathlib import Path

import pytest

from workbench.cli import main
from workbench.export import TARGETS


def test_only_programs_are_verified(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "json", "--verify"]) == 1
    assert "Files for json cannot be run here" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.model
def test_export_and_verify_as_one_document(
    own_demo_home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["export", "transformers", "--set", "dtype=float32", "--set", "threads=1"]
    out = tmp_path / "out"
    status = main([*words, "--output", str(out), "--verify", "--json"])
    document = json.loads(capfd.readouterr().out)
    assert document["schema"] == "workbench.verification/1"
    assert document["result"]["same_tokens"]
    assert document["result"]["detail"] == ""
    assert status == (0 if document["result"]["ok"] else 1)
    assert {path.name for path in out.iterdir()} == {"load_model.py", "check_model.py", "expected.json"}


def test_the_targets_are_listed_with_what_they_carry(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(TARGETS)
    assert main(["export", "--list", "--json"]) == 0
    entries = {each["target"]: each for each in json.loads(capsys.readouterr().out)["targets"]}
    assert entries["vllm"]["checked_with"] == "vLLM 0.33.0"
    assert entries["json"]["checked_with"] is None


def test_a_server_s_files_are_written_and_its_scripts_can_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--model", "deepseek-ai/DeepSeek-R1", "--on", "h100-sxm", "--gpus", "8", "--nodes", "2"]
    assert main(["export", "vllm", *words, "--set", "eos_token_ids=1", "--output", str(tmp_path / "a" / "b")]) == 0
    assert "generation/generation_config.json" in capsys.readouterr().out
    script = tmp_path / "a" / "b" / "serve.sh"
    assert os.access(script, os.X_OK) or os.name == "nt"
    assert "--pipeline-parallel-size=2" in script.read_text(encoding="utf-8")
    assert (script.parent / "generation" / "generation_config.json").is_file()


@pytest.mark.parametrize(
    "words",
    [
        ["vllm", "--on", "h100"],
        ["vllm", "--on", "h200", "--gpus", "0"],
        ["vllm", "--nodes", "2"],
        ["json", "--on", "h200"],
        ["vlm"],
        ["vllm", "--context", "1"],
    ],
)
def test_a_place_that_is_none_is_wrong_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", *words, "--model", "deepseek-ai/deepseek-llm-7b-base"]) == 2
    said = capsys.readouterr().err
    if words == ["vllm", "--on", "h100"]:
        assert "Nearest match: h100-pcie" in said
