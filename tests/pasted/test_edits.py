"""Corrections by place: everything that is not marked stays byte for byte, and what comes out parses."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.pasted import read
from workbench.pasted.edits import Edit, mended

LOAD = "AutoModelForCausalLM.from_pretrained"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"m = {LOAD}('a/b', low_cpu_mem_usage=True)", f"m = {LOAD}('a/b')"),
        (f"m = {LOAD}('a/b', low_cpu_mem_usage=True,)", f"m = {LOAD}('a/b')"),
        (f"m = {LOAD}(low_cpu_mem_usage=True, dtype='auto')", None),
        (f"m = {LOAD}('a/b', from_tf=False, low_cpu_mem_usage=True)", f"m = {LOAD}('a/b')"),
        (f"m = {LOAD}('a/b', from_tf=False, dtype='auto', low_cpu_mem_usage=True)", f"m = {LOAD}('a/b', dtype='auto')"),
        (
            f"m = {LOAD}(\n    'a/b',  # one, two\n    low_cpu_mem_usage=True,  # three\n)\n",
            f"m = {LOAD}(\n    'a/b',  # one, two\n    # three\n)\n",
        ),
        (
            f"m = {LOAD}(\n    'a/b',  # one, two\n    low_cpu_mem_usage=True  # three\n)\n",
            f"m = {LOAD}(\n    'a/b',  # one, two\n      # three\n)\n",
        ),
        (f"m = {LOAD}(**{{'pretrained_model_name_or_path': 'a/b', 'low_cpu_mem_usage': True}})", None),
        (
            f"名 = '模型'; m = {LOAD}('甲/乙', low_cpu_mem_usage=True)  # 注释",
            f"名 = '模型'; m = {LOAD}('甲/乙')  # 注释",
        ),
        (f"m = {LOAD}('a/b',\r\n\tlow_cpu_mem_usage=True)\r\n\x0cx = 1\r\n", f"m = {LOAD}('a/b')\r\n\x0cx = 1\r\n"),
        (f"x = 1\rm = {LOAD}('a/b', torch_dtype='auto')\r", f"x = 1\rm = {LOAD}('a/b', dtype='auto')\r"),
        (f"x = 1 # \u2028 is no line\nm = {LOAD}('a/b', torch_dtype='auto')", None),
        (f"if True:\n    {LOAD}('a/b').half()\n", f"if True:\n    {LOAD}('a/b', dtype=\"float16\")\n"),
        (f"m = {LOAD}('a/b')\nif m:\n    m.half()\n", f"m = {LOAD}('a/b', dtype=\"float16\")\nif m:\n    m\n"),
    ],
)
def test_only_the_marked_argument_goes(text: str, expected: str | None) -> None:
    found = read(text)
    ast.parse(found.corrected)
    if expected is not None:
        assert found.corrected == expected
    assert found.corrected != text
    assert not {mark.rule for mark in read(found.corrected).marks} & {"thrown_away", "torch_dtype", "cast_after_load"}


def test_a_byte_order_mark_is_no_character_of_the_script() -> None:
    found = read(f"\ufeffm = {LOAD}('a/b', torch_dtype='auto')")
    assert found.corrected == f"m = {LOAD}('a/b', dtype='auto')"


def test_an_edit_that_breaks_the_script_is_left_out_alone() -> None:
    groups = [[Edit(start=4, end=5, text="2")], [Edit(start=0, end=1, text="((")], [Edit(start=8, end=8, text="# x")]]
    assert mended("a = 1\nb = 3\n", [groups[0], groups[1]]) == ("a = 2\nb = 3\n", [True, False])


def test_edits_that_cross_are_not_both_made() -> None:
    crossing = [[Edit(start=0, end=4, text="c")], [Edit(start=2, end=6, text="d")]]
    assert mended("aaaabbbb", crossing) == ("cbbbb", [True, False])


def test_an_edit_that_two_need_is_made_once() -> None:
    text = "from transformers import AutoModelForCausalLM\n" + "".join(
        f"m{place} = {LOAD}('a/b', load_in_8bit=True)\n" for place in range(3)
    )
    corrected = read(text).corrected
    assert corrected.splitlines()[0] == "from transformers import AutoModelForCausalLM, BitsAndBytesConfig"
    assert corrected.count("BitsAndBytesConfig(load_in_8bit=True)") == 3


BAD = st.sampled_from(
    ["load_in_8bit=True", "torch_dtype='auto'", "low_cpu_mem_usage=True", "from_tf=False", "trust_remote_code=True"]
)
GOOD = st.sampled_from(["dtype='auto'", "device_map='auto'", "revision='main'", "use_safetensors=True", "*rest"])
GAP = st.sampled_from([", ", ",", " , ", ",\n    ", ",  # a, b\n    ", ",\n\n  "])


@given(st.lists(st.tuples(st.one_of(BAD, GOOD), GAP), unique_by=lambda pair: pair[0], max_size=8), st.booleans())
def test_however_the_arguments_stand_the_rest_is_kept(parts: list[tuple[str, str]], trailing: bool) -> None:
    inside = "'deepseek-ai/deepseek-llm-7b-chat'" + "".join(gap + argument for argument, gap in parts)
    text = f"# 前\nm = {LOAD}({inside}{',' if trailing else ''})\ny = 'after'\n"
    corrected = read(text).corrected
    tree = ast.parse(corrected)
    call = next(node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == LOAD)
    left = [ast.unparse(each) for each in (*call.args[1:], *call.keywords)]
    kept = [each for each, _gap in parts if each in ("dtype='auto'", "device_map='auto'", "revision='main'", "*rest")]
    assert set(kept) <= set(left)
    assert corrected.startswith("# 前\n")
    assert corrected.endswith("y = 'after'\n")
    assert not {"low_cpu_mem_usage=True", "from_tf=False", "trust_remote_code=True", "load_in_8bit=True"} & set(left)
