"""Which model the exported file names: any folder or revision is only text in it, and what is no model is refused."""

import ast
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.export.conftest import HUB_ID, bare_model
from tests.export.reading import call_of, literals
from workbench import export
from workbench.config import Config
from workbench.errors import CapabilityError, ModelError

FOLDER_NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40)
AWKWARD = ["it's", 'a "b"', "b\nimport os", "$(id) `id`", "\\", "# -*- coding: utf-7 -*-", "{0} %s $MODEL", "x.gguf\n"]
AWKWARD += ["line\u2028separator\u2029s\x85\x0b", "\u202eright to left\u2066", "'''\"\"\"", "a\rimport os", "\ufeff# x"]


def check_only_text(model: str, revision: str | None = None) -> None:
    """The code has the shape of any other, and the name is one string in it."""
    code = export.render("transformers", Config(), model=model, revision=revision)
    tree = ast.parse(code.encode())
    assigned = {ast.unparse(node.targets[0]): node.value for node in tree.body if isinstance(node, ast.Assign)}
    strings = [ast.literal_eval(node) for node in ast.walk(assigned["MODEL"]) if isinstance(node, ast.Constant)]
    assert (str(Path(model).resolve()) if Path(model).exists() else model) in strings
    assert [ast.unparse(node) for node in tree.body if isinstance(node, ast.Import)] == [
        *("import os", "import sys", "import warnings", "import torch"),
    ]
    assert len([node for node in tree.body if isinstance(node, ast.Expr)]) == 0
    if revision:
        assert literals(call_of(tree, "AutoTokenizer.from_pretrained"))["revision"] == revision


@given(FOLDER_NAMES.filter(lambda name: name not in (".", "..") and len(name.encode()) < 200))
def test_no_folder_name_becomes_code(name: str) -> None:
    with tempfile.TemporaryDirectory() as parent:
        check_only_text(bare_model(Path(parent) / name))


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_folder_names_are_only_text(tmp_path: Path, name: str) -> None:
    check_only_text(bare_model(tmp_path / name))


@given(st.text(min_size=1, max_size=40))
def test_no_revision_becomes_code(revision: str) -> None:
    check_only_text(HUB_ID, revision)


@pytest.mark.parametrize("model", ["", "a b", "https://x.example/y", "owner/name; rm", "no/such/folder"])
def test_what_is_no_model_is_refused(model: str) -> None:
    with pytest.raises(ModelError):
        export.render("transformers", Config(), model=model)


def test_calibrated_weights_need_the_copy_that_is_here(tmp_path: Path, workbench_home: Path) -> None:
    with pytest.raises(CapabilityError, match=r"workbench quantize .* --method awq"):
        export.render("transformers", Config(quantization="awq"), model=HUB_ID)


def test_random_weights_have_no_loader_but_a_config() -> None:
    with pytest.raises(ModelError, match="random weights") as caught:
        export.render("transformers", Config(), model="random:deepseek-llm-7b-base")
    assert "'json'" in caught.value.next_step
    text = export.render("json", Config(attention="eager"), model="random:deepseek-llm-7b-base")
    assert Config.from_json(text) == Config(attention="eager")


def test_demo_that_was_never_converted_says_how(workbench_home: Path) -> None:
    with pytest.raises(ModelError, match="Session\\('demo'\\)"):
        export.render("transformers", Config(), model="demo")
