"""workbench prefix: a document, words, and a kept cache."""

import json

import pytest

from workbench.cli import main

TINY = "random:deepseek-llm-7b-base?scale=tiny&layers=2"
WORDS = ["prefix", TINY, "--set", "dtype=float32", "--precision", "5", "--budget", "2", "--new-tokens", "4"]


@pytest.mark.model
def test_kept_and_measured(demo_home: object, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([*WORDS, "--prefix", "32", "--save", "cli"]) == 0
    assert "cli: 32 tokens" in capfd.readouterr().out
    assert main([*WORDS, "--saved", "cli", "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert document["schema"] == "workbench.prefix/1"
    assert document["result"]["points"][0]["reused"] == 32


def test_wrong_usage_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prefix", "demo", "--prefix", "many"]) == 2
    assert main(["prefix", "demo", "--text", "/nowhere/at/all"]) == 2
