"""The verbs decoding and windows, once each through a worker; what they refuse before there is one."""

import json
from pathlib import Path

import pytest

from workbench.cli import main
from workbench.results import DecodingEffects, Stopping, Windows


def test_effects_of_own_settings_and_prompts_as_one_document(
    tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('"One two"\n{"prompt": "三四"}\n', encoding="utf-8")
    words = ["--change", "do_sample=off", "--change", "do_sample=on,temperature=0.7", "--seeds", "2"]
    asked = ["decoding", tiny, *words, "--prompts", str(prompts), "--new-tokens", "5", "--json"]
    assert main(asked) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "workbench.decoding/1"
    found = DecodingEffects.from_dict(document["result"])
    assert [each.answers for each in found.settings] == [2, 4]
    assert (found.prompts, found.prompt_set, found.seeds) == (2, "own", 2)


def test_stopping_and_windows_say_what_they_found(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decoding", tiny, "--stop-after", "2", "--new-tokens", "6", "--json"]) == 0
    assert Stopping.from_dict(json.loads(capsys.readouterr().out)["result"]).after == 2
    assert main(["windows", tiny, "--tokens", "64", "--size", "32", "--overlap", "8", "--rounds", "2"]) == 0
    said = capsys.readouterr().out
    assert "windows of 32, overlap 8" in said
    assert "the last window scores 8" in said
    assert Windows.kind() == "windows"


@pytest.mark.parametrize(
    "words",
    [
        ["decoding", "--change", "temperature=-1"],
        ["decoding", "--change", "nonsense=1"],
        ["decoding", "--change", "do_sample"],
        ["decoding", "--set", 'stop_strings=[""]'],
        ["windows", "--text", "no/such/file.txt"],
    ],
)
def test_wrong_usage_is_status_two_before_a_model_is_loaded(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([words[0], "no/such/model/here", *words[1:]]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"workbench {words[0]}: ")
    assert "loading" not in said
