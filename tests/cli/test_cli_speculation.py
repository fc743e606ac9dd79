"""workbench speculation: a document and words."""

import json

import pytest

from workbench.cli import main

WORDS = ["speculation", "random:deepseek-llm-7b-base?scale=tiny&layers=2", "--set", "dtype=float32", "--precision", "5"]


@pytest.mark.model
def test_one_mode(demo_home: object, capfd: pytest.CaptureFixture[str]) -> None:
    rest = ["--budget", "2", "--new-tokens", "6", "--modes", "prompt_lookup", "--prompt", "a b a b a", "--json"]
    assert main([*WORDS, *rest]) == 0
    document = json.loads(capfd.readouterr().out)
    assert document["schema"] == "workbench.speculation/1"
    assert document["result"]["runs"][0]["drafts"]["drafter"] == "prompt_lookup"


def test_wrong_usage_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["speculation", "demo", "--set", "speculation=guess"]) == 2
    assert main(["speculation", "demo", "--set", "speculation=assistant"]) == 2
