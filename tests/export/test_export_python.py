"""Literals, assignments and comments survive any text, and a formatter leaves them alone."""

import ast
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from workbench.export.piece import Piece, joined
from workbench.export.python import assignment, comment, fill, literal

AWKWARD = [
    "",
    "plain",
    "it's",
    'say "hi"',
    """both ' and " and ' and \\""",
    "new\nline\r\x0b\x0c\x85\u2028\u2029",
    "$(touch /tmp/x) `id` %s {0} $MODEL",
    "\\",
    "back\\slash\\'",
    "\u202eright to left",
    "\ud800 alone",
    "模型" * 30,
    "'''\"\"\"",
    "x" * 75,
    "x" * 79,
    "x" * 90,
]


PLAIN = st.text() | st.integers() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)


@given(st.recursive(PLAIN, st.lists, max_leaves=5))
def test_literal_is_read_back(value: object) -> None:
    text = literal(value)
    assert ast.literal_eval(text) == value
    assert "\n" not in text


@given(st.text())
def test_comment_is_one_comment_whatever_the_text(text: str) -> None:
    line = comment(text)
    assert ast.parse(line + "\nx = 1").body[0].lineno == 2
    assert len(ast.parse(line.encode(errors="strict") + b"\nx = 1").body) == 1


@given(st.text())
def test_assignment_assigns_the_value(text: str) -> None:
    tree = ast.parse(assignment("MODEL", literal(text)))
    assert len(tree.body) == 1
    assert ast.literal_eval(tree.body[0].value) == text  # type: ignore[attr-defined]


def test_ruff_leaves_assignments_alone(tmp_path: Path) -> None:
    source = "".join(assignment("MODEL", literal(text)) + "\n" for text in AWKWARD)
    file = tmp_path / "values.py"
    file.write_text(source, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_fill_does_not_search_what_it_filled_in() -> None:
    assert fill("a = $x\nb = $y", {"x": "$y", "y": "1"}) == "a = $y\nb = 1\n"


def test_fill_repeats_drops_and_indents_lines() -> None:
    template = "f(\n    $many\n    $none\n)"
    assert fill(template, {"many": ["a,", "b,\nc,"], "none": []}) == "f(\n    a,\n    b,\n    c,\n)\n"


def test_imports_from_one_module_stand_on_one_line() -> None:
    lines = [
        ["from torchao.quantization import Int8Config"],
        ["from b import c", "from torchao.quantization import a_"],
    ]
    whole = joined(Piece(places={"late_imports": each}) for each in lines)
    assert whole.places["late_imports"] == ["from torchao.quantization import Int8Config, a_", "from b import c"]
