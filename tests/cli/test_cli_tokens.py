"""workbench tokens: the table, what was tried and the repair as words; one document with --json."""

import json
from pathlib import Path

import pytest

from workbench.cli import main

TINY = "random:deepseek-llm-7b-base?scale=tiny&layers=2"
WRONG = ["--set", "eos_token_ids=32000", "--set", "threads=1"]


@pytest.mark.parametrize(
    "words", [["--max-new-tokens", "0"], ["--set", "eos_token_ids=-1"], ["--repair=1"]], ids=" ".join
)
def test_wrong_usage_is_2(words: list[str], capsys: pytest.CaptureFixture[str], demo_home: Path) -> None:
    assert main(["tokens", TINY, *words]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "Traceback" not in said.err


@pytest.mark.model
def test_a_wrong_end_is_told_and_repaired(demo_home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["tokens", TINY, *WRONG]) == 0
    out = capfd.readouterr().out
    assert out.startswith("WRONG: end token 32000 is ordinary text ('ertools')")
    assert "generation_config.json" in out
    assert "--set eos_token_ids=auto" in out
    assert main(["tokens", TINY, *WRONG, "--repair", "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert document["schema"] == "workbench.tokens/1"
    assert document["resolved"]["eos_token_ids"] == [2]
    assert document["result"]["repaired"] == {"eos_token_ids": [[32000], "auto"]}
    assert document["result"]["repair"] == {}
