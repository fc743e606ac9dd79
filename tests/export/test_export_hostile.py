"""Names that a Config holds are text in the exported code, whatever stands in them."""

import ast
from pathlib import Path
from typing import Any

import pytest

from workbench import export
from workbench.config import Config
from workbench.errors import ConfigError, ModelError

HUB_ID = "deepseek-ai/deepseek-llm-7b-base"
DRAFTED: dict[str, Any] = {"speculation": "assistant", "dtype": "float32"}
NAMES = [
    "$(touch canary)",
    "`id`",
    "it's",
    'a "b"',
    "'''\"\"\"",
    "\\",
    "x\u2028import os\u2029",
    "a\x85b",
    "\u202eleft",
    "{0} %s $MODEL",
]
WITH_LINES = ["a\nimport os", "a\r\nb", "\n"]


def assigned(code: str) -> dict[str, ast.expr]:
    """Of the whole file, whose statements are those of any other."""
    tree = ast.parse(code.encode())
    imports = [ast.unparse(each) for each in tree.body if isinstance(each, ast.Import)]
    assert imports == ["import os", "import sys", "import warnings", "import torch"]
    assert not [each for each in tree.body if isinstance(each, ast.Expr)]
    return {ast.unparse(each.targets[0]): each.value for each in tree.body if isinstance(each, ast.Assign)}


def bare(folder: Path) -> Path:
    """What passes for a model as long as nobody loads it."""
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_of_an_assistant_is_only_text(tmp_path: Path, name: str) -> None:
    folder = bare(tmp_path / name)
    code = export.render("transformers", Config(assistant_model=str(folder), **DRAFTED), model=HUB_ID)
    assert ast.literal_eval(assigned(code)["ASSISTANT"]) == str(folder.resolve())


@pytest.mark.parametrize("name", WITH_LINES)
def test_an_assistant_with_a_line_break_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config(assistant_model=str(tmp_path / name), **DRAFTED)
    assert caught.value.params["knob"] == "assistant_model"


@pytest.mark.parametrize("name", [*NAMES, *WITH_LINES])
def test_an_assistant_of_the_hub_has_a_hub_name(name: str) -> None:
    with pytest.raises((ConfigError, ModelError)):
        export.render("transformers", Config(assistant_model=f"owner/{name}", **DRAFTED), model=HUB_ID)


@pytest.mark.parametrize("name", [*NAMES, *WITH_LINES])
@pytest.mark.parametrize("place", ["owner/{}", "{}/kernel", "owner/kernel@{}", "owner/kernel:{}", "owner/kernel{}"])
def test_a_kernel_of_the_hub_has_a_hub_name(place: str, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config(attention=place.replace("{}", name))
    assert caught.value.params["knob"] == "attention"


def test_a_kernel_of_the_hub_is_only_text() -> None:
    name = "owner/name.with-dots_名@v1.0-é:entry"
    code = export.render("transformers", Config(attention=name), model=HUB_ID)
    assigned(code)
    load = next(
        each
        for each in ast.walk(ast.parse(code))
        if isinstance(each, ast.Call) and ast.unparse(each.func) == "AutoModelForCausalLM.from_pretrained"
    )
    assert ast.literal_eval(next(each.value for each in load.keywords if each.arg == "attn_implementation")) == name
