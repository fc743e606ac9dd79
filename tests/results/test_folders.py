"""What is stored names an assistant as it names the model: without the folders that lead to it."""

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.catalog.sources import find
from workbench.config import Config
from workbench.results.base import document

LEFT = ["demo", "random:deepseek-llm-7b-base?scale=tiny", "deepseek-ai/deepseek-llm-1b"]


def stored(name: str) -> dict[str, Any]:
    config = Config(speculation="assistant", assistant_model=name).to_dict()
    said = [f"speculation assistant, assistant_model {name}", f"({name})", f"a{name}", f"{name}er"]
    comparison = {"changes": {"assistant_model": ["none", name]}, "b": config, "said": said}
    return document("speculation", config=config, result={"runs": [{"mode": config, "comparison": comparison}]})


@pytest.mark.parametrize("kind", ["directory", "gguf"])
def test_a_folder_of_an_assistant_is_not_stored(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    file = folder / ("model.safetensors" if kind == "directory" else "model.gguf")
    file.write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    name = str(file if kind == "gguf" else folder)
    record = stored(name)
    comparison = record["result"]["runs"][0]["comparison"]
    assert comparison.pop("said") == [
        "speculation assistant, assistant_model small",
        "(small)",
        f"a{name}",
        f"{name}er",
    ], "a longer word is another"
    assert str(tmp_path) not in json.dumps(record)
    assert record["config"]["assistant_model"] == find(name).label == "small"
    assert record["result"]["runs"][0]["mode"]["assistant_model"] == "small"
    assert comparison["changes"]["assistant_model"] == ["none", "small"]


@pytest.mark.parametrize("name", LEFT)
def test_other_names_are_stored_as_they_are(name: str) -> None:
    config = Config(speculation="assistant", assistant_model=name)
    record = stored(name)
    assert record["config"] == config.to_dict()
    assert record["result"]["runs"][0]["comparison"]["said"][0].endswith(f" {name}")
