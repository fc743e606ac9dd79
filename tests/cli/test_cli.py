"""The command line: one document on stdout, the rest on stderr, and an exit status that means something."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workbench.cli import VERBS, main
from workbench.config import Config


def test_help_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(re.search(rf"^    {verb}\s", shown, re.MULTILINE) for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    assert f"usage: workbench {verb}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["mesure"],
        ["measure", "--bogus"],
        ["measure", "--batch-size", "many"],
        ["measure", "--set", "attention"],
        ["measure", "--set", "atention=eager"],
        ["measure", "--set", "attention=flash"],
        ["measure", "--set", "do_sample=true", "--set", "temperature=0"],
        ["measure", "--batch-size", "0"],
        ["measure", "--preset", "chatt"],
        ["measure", "--prompts", "/nowhere/prompts.jsonl"],
        ["measure", "--config", "/nowhere/config.json"],
        ["runs"],
        ["runs", "show", "first"],
        ["gpu-check", "--section", "bogus"],
        ["export", "latex", "--model", "a/b"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_2_and_says_why(
    words: list[str], capsys: pytest.CaptureFixture[str], workbench_home: Path
) -> None:
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err
    assert "Traceback" not in said.err


def test_what_fails_is_1_with_the_way_out(capsys: pytest.CaptureFixture[str], workbench_home: Path) -> None:
    assert main(["measure", "/nowhere/model"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "/nowhere/model" in said.err
    assert main(["runs", "show", "999"]) == 1
    assert "999" in capsys.readouterr().err


def test_no_runs_yet(capsys: pytest.CaptureFixture[str], workbench_home: Path) -> None:
    assert main(["runs", "list"]) == 0
    assert "workbench measure" in capsys.readouterr().out
    assert main(["runs", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"schema": "workbench.runs/1", "runs": []}


def test_export_of_a_configuration(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(Config(dtype="bfloat16").to_json())
    words = ["export", "json", "--config", str(config), "--set", "eos_token_ids=1,2", "--set", "do_sample=on"]
    assert main([*words, "--model", "a/b"]) == 0
    expected = Config(dtype="bfloat16", eos_token_ids=(1, 2), do_sample=True)
    assert Config.from_json(capsys.readouterr().out) == expected

    assert main(["export", "--model", "a/b", "--output", str(tmp_path / "new" / "folder"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "workbench.snippet/1"
    assert (tmp_path / "new" / "folder" / "load_model.py").read_text() == document["code"]


def test_without_a_gpu_the_check_refuses_or_rehearses(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, workbench_home: Path
) -> None:
    hidden = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "workbench", "gpu-check", "--section", "capabilities"]
    refused = subprocess.run(command, env=hidden, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "no CUDA GPU to check" in refused.stderr
    assert "--allow-cpu" in refused.stderr
    assert refused.stdout == ""

    out = tmp_path / "report"
    rehearsal = [*command, "--allow-cpu", "--json", "--out", str(out)]
    done = subprocess.run(rehearsal, env=hidden, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["schema"] == "workbench.gpu_check/1"
    assert document["result"]["rehearsal"] is True
    assert "CPU rehearsal" in document["result"]["label"]
    assert json.loads((out / "gpu-check.json").read_text()) == document
    page = (out / "gpu-check.md").read_text()
    assert page.startswith("# CPU rehearsal")
    assert "| device | cuda | no | needs a CUDA GPU" in page


@pytest.mark.model
def test_measure_prints_one_document_and_keeps_the_run(tiny: str, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["measure", tiny, "--prompt-tokens", "16", "--new-tokens", "4", "--budget", "2", "--set", "attention=eager"]
    assert main([*words, "--json"]) == 0
    said = capfd.readouterr()
    document = json.loads(said.out)
    assert document["schema"] == "workbench.measurement/1"
    assert document["config"]["attention"] == document["resolved"]["attention"] == "eager"
    assert document["result"]["decode_tps"] > 0
    assert document["workload"]["new_tokens"] == 4
    assert "loading" in said.err

    assert main(["runs", "list", "--limit", "1"]) == 0
    listing = capfd.readouterr().out
    assert "attention=eager" in listing
    run_id = listing.splitlines()[2].split()[0]
    assert main(["runs", "show", run_id]) == 0
    shown = capfd.readouterr().out
    assert "Decode" in shown
    assert "batch 1, 16 prompt tokens, 4 new tokens, greedy" in shown
    assert main(["export", "--run", run_id, "--model", "owner/name"]) == 0
    code = capfd.readouterr().out
    assert 'attn_implementation="eager"' in code
    assert "# Measured on " in code


@pytest.mark.model
def test_measure_as_a_table(tiny: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["measure", tiny, "--prompt-tokens", "16", "--new-tokens", "4", "--budget", "2"]) == 0
    said = capfd.readouterr()
    assert "tok/s" in said.out
    assert "95 % interval" in said.out
    assert "note: " in said.out  # random weights are always said


@pytest.mark.model
def test_interrupt_ends_a_measurement_cleanly(tiny: str) -> None:
    command = [sys.executable, "-m", "workbench", "measure", tiny, "--new-tokens", "1000", "--budget", "600"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = ""
    while "warm-up" not in said:  # the worker is up and measuring
        line = process.stderr.readline()
        assert line, said
        said += line
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out == ""
    assert "Stopped" in err
    assert "Traceback" not in err


@pytest.mark.model
def test_a_reader_that_goes_away_is_no_error(demo_home: Path) -> None:
    command = f"{sys.executable} -m workbench gpu-check --allow-cpu --section environment --json | head -c 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout == "{"
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
