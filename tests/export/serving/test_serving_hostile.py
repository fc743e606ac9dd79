"""Names with quotes, line breaks and `$(…)`, in every target: read back exactly, by the formats' own readers."""

import ast
import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.export.serving.conftest import outline
from workbench import export
from workbench.config import Config
from workbench.errors import ConfigError, ModelError
from workbench.export.serving import modelfile, pbtxt, shell

Run = Callable[..., list[list[str]]]
FIXTURES = (HealthCheck.function_scoped_fixture,)
PIECES = [
    "$(touch canary)", "`touch canary`", "'", '"', "\\", "\n", "\r", "\t", " ", "#", ";", "&", "|", "*", "~", "!",
    "-", "--help", '"""', "'''", "${HOME}", "\u2028", "名", "é", "\x1b", "=", ">canary", "%s", "{}", "<%", "a",
]  # fmt: skip
NAMES = st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join)
FOLDERS = NAMES.filter(lambda name: len(name.encode()) < 200 and name.strip() not in ("", ".", ".."))
HUB = "deepseek-ai/deepseek-llm-7b-base"
BY_SHELL = ("vllm", "sglang", "tgi", "tensorrt-llm")


def comments_hold(text: str, mark: str = "#") -> None:
    """The header is comments to its end: what follows is ours."""
    lines = text.splitlines() if "\u2028" not in text else text.split("\n")
    assert all(line.startswith(mark) for line in lines[: lines.index("set -euo pipefail")])


@pytest.mark.parametrize("target", BY_SHELL)
@settings(max_examples=12, deadline=None, suppress_health_check=FIXTURES)
@given(name=FOLDERS, revision=NAMES)
def test_a_shell_sees_the_path_and_the_revision_as_one_word_each(
    target: str, name: str, revision: str, run_script: Run, tmp_path: Path
) -> None:
    folder = outline(tmp_path / name)
    made = export.snippet(target, Config(), model=str(folder))
    (called,) = run_script(made.code)
    assert str(folder.resolve()) in [word.removeprefix("--model-path=").removeprefix("--model-id=") for word in called]
    assert json.loads(made.files["request.json"])["model"] == str(folder.resolve())
    comments_hold(made.code)
    (called,) = run_script(export.render(target, Config(), model=HUB, revision=revision))
    assert f"--revision={revision}" in called
    assert not list(tmp_path.rglob("canary"))


@settings(max_examples=12, deadline=None, suppress_health_check=FIXTURES)
@given(name=FOLDERS, revision=NAMES)
def test_llama_cpp_is_given_the_file_and_its_converter_the_folder(
    name: str, revision: str, run_script: Run, tmp_path: Path
) -> None:
    folder = outline(tmp_path / name)
    made = export.snippet("llama.cpp", Config(), model=str(folder))
    (served,) = run_script(made.files["serve.sh"])
    assert served[:3] == ["llama-server", "--model", "model.gguf"]
    (converted,) = run_script(made.files["convert.sh"], LLAMA_CPP="/a place/$(x)")
    assert converted[1:3] == ["/a place/$(x)/convert_hf_to_gguf.py", str(folder.resolve())]
    made = export.snippet("llama.cpp", Config(), model=HUB, revision=revision)
    fetched, _converted = run_script(made.files["convert.sh"], LLAMA_CPP="x")
    assert fetched == ["hf", "download", HUB, f"--revision={revision}", "--local-dir=model"]


@settings(max_examples=60, deadline=None, suppress_health_check=FIXTURES)
@given(name=FOLDERS)
def test_a_modelfile_holds_the_path_or_says_that_it_cannot(name: str, tmp_path: Path) -> None:
    folder = outline(tmp_path / name)
    code = ""
    with suppress(ConfigError):
        code = export.render("ollama", Config(), model=str(folder))
    if not code:
        assert re.search(r'["\x00-\x1f\u2028]', name) or name != name.strip()  # what its quotes may not be able to hold
        return
    read = modelfile.read(code)
    assert read[0] == ("from", str(folder.resolve()))
    assert {command for command, _value in read[1:]} == {"temperature", "top_p", "top_k", "min_p", "repeat_penalty"}


@settings(max_examples=200, deadline=None)
@given(value=st.one_of(NAMES, st.text(max_size=40)))
def test_what_modelfile_line_writes_is_read_back_alone(value: str) -> None:
    try:
        written = modelfile.line("PARAMETER stop", value)
    except ConfigError:
        return
    assert modelfile.read(f"FROM x\n{written}\nPARAMETER seed 1\n") == [("from", "x"), ("stop", value), ("seed", "1")]


def test_a_modelfile_takes_every_plain_text_and_most_with_breaks() -> None:
    for value in ("<|im_end|>", "User:", " spaced ", "two\nlines", 'say "so"', '"quoted" at first', 'a\n"b" c'):
        assert modelfile.read(f"FROM x\n{modelfile.line('PARAMETER stop', value)}\n")[1] == ("stop", value)


@pytest.mark.parametrize("value", ['x"""\ny', '"""\nSYSTEM hacked', "\x1b[2J", '"\n"""\n'])
def test_a_modelfile_refuses_what_would_end_its_quotes(value: str) -> None:
    with pytest.raises(ConfigError):
        modelfile.line("FROM", value)


@settings(max_examples=30, deadline=None, suppress_health_check=FIXTURES)
@given(name=FOLDERS)
def test_a_triton_repository_holds_no_code_from_a_name(name: str, tmp_path: Path) -> None:
    folder = outline(tmp_path / name)
    made = export.snippet("triton", Config(), model=str(folder))
    assert all(re.fullmatch(r"[\w./-]+", path) and ".." not in path for path in made.files)
    kept = [line for line in made.code.split("\n") if not line.startswith("#")]
    assert re.fullmatch(r'name: "[A-Za-z0-9_.-]+"', kept[0])
    assert kept[1] == 'backend: "python"'
    loader = next(content for path, content in made.files.items() if path.endswith("load_model.py"))
    strings = [node.value for node in ast.walk(ast.parse(loader)) if isinstance(node, ast.Constant)]
    assert str(folder.resolve()) in strings


@settings(max_examples=200)
@given(value=st.text(max_size=60))
def test_a_pbtxt_string_is_ascii_in_one_line_and_its_bytes_are_the_values(value: str) -> None:
    written = pbtxt.quote(value)
    assert written.isascii()
    assert written.isprintable()
    inner = written[1:-1]
    assert not re.search(r'(?<!\\)(?:\\\\)*"', inner)
    assert ast.literal_eval(f'b"{inner}"') == value.encode("utf-8", "surrogatepass")


def test_what_no_argument_can_hold_is_refused() -> None:
    for value in ("a\0b", "\ud800"):
        with pytest.raises(ConfigError):
            shell.quote(value)


@pytest.mark.parametrize("target", [*BY_SHELL, "llama.cpp", "ollama"])
def test_a_hub_name_that_reads_as_an_option_is_refused(target: str) -> None:
    with pytest.raises(ModelError):
        export.render(target, Config(), model="-rf/x")


@settings(max_examples=20, deadline=None, suppress_health_check=FIXTURES)
@given(text=st.one_of(NAMES, st.just("a\ntouch canary")))
def test_a_header_is_comments_whatever_it_says(text: str, run_script: Run) -> None:
    assert run_script(shell.script([text], shell.command(["vllm", "serve"]))) == [["vllm", "serve"]]
