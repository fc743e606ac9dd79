"""Every sentence that can be asked for exists, is filled exactly, and is used."""

import ast
import string
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import workbench
from workbench.errors import KINDS, ConfigError, WorkbenchError, rebuild
from workbench.words import Message, say, templates, text

PACKAGE = Path(workbench.__file__).parent
SPEAKERS = {"say", "text", "Message", *KINDS}


class Use(NamedTuple):
    where: str
    code: str
    given: set[str] | None  # None: the call passes parameters that only running it would show


def sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.parent.name != "words" or path.name in ("format.py", "__init__.py"):
            yield str(path.relative_to(PACKAGE)), ast.parse(path.read_text(encoding="utf-8"))


def uses() -> Iterator[Use]:
    for where, tree in sources():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            code = node.args[0]
            if name not in SPEAKERS or not isinstance(code, ast.Constant) or not isinstance(code.value, str):
                continue
            keywords = [keyword.arg for keyword in node.keywords]
            known = None if None in keywords else {keyword for keyword in keywords if keyword}
            yield Use(f"{where}:{node.lineno}", code.value, known)


def placeholders(code: str) -> set[str]:
    template = templates()[code]
    sentences = (template,) if isinstance(template, str) else template
    fields = (field for sentence in sentences for _text, field, _spec, _how in string.Formatter().parse(sentence))
    return {field.partition(".")[0].partition("[")[0] for field in fields if field}


def mentioned() -> tuple[set[str], list[str]]:
    """Every string of the package's code, and the fixed beginnings of those that are put together."""
    whole, beginnings = set(), []
    for _where, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                whole.add(node.value)
            elif isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                beginnings.append(str(node.values[0].value))
    return whole, [beginning for beginning in beginnings if "." in beginning.strip(".")[:-1] or beginning.endswith(".")]


def test_the_scan_sees_the_package() -> None:
    found = {use.code for use in uses()}
    assert {"config.unknown_knob", "capability.no_gpu", "export.unknown_target"} <= found


def test_every_code_in_use_has_words() -> None:
    missing = [(use.where, use.code) for use in uses() if use.code not in templates()]
    assert missing == []


def test_every_use_fills_its_sentence_exactly() -> None:
    wrong = [
        (use.where, use.code, {"given": use.given, "wanted": placeholders(use.code)})
        for use in uses()
        if use.code in templates() and use.given is not None and use.given != placeholders(use.code)
    ]
    assert wrong == []


def test_no_sentence_is_left_over() -> None:
    whole, beginnings = mentioned()
    unused = [
        code
        for code in templates()
        if code not in whole and not any(code.startswith(beginning) for beginning in beginnings)
    ]
    assert unused == []


def test_errors_say_what_why_and_next() -> None:
    triples = [template for template in templates().values() if isinstance(template, tuple)]
    assert triples
    for what, why, next_step in triples:
        assert what
        assert why or next_step


@pytest.mark.parametrize("code", sorted(templates()))
def test_every_sentence_can_be_filled(code: str) -> None:
    class Anything(str):
        """Answers to any format specification."""

        def __format__(self, _spec: str) -> str:
            return "x"

    params = {name: Anything("x") for name in placeholders(code)}
    template = templates()[code]
    for sentence in (template,) if isinstance(template, str) else template:
        assert "{" not in sentence.format(**params)


def test_an_unknown_code_is_refused_where_it_is_said() -> None:
    with pytest.raises(KeyError):
        say("no.such.code")


def test_a_message_survives_json_and_reads_as_its_words() -> None:
    message = say("capability.no_such_gpu", index=3, count=1)
    assert Message.model_validate_json(message.model_dump_json()) == message
    assert str(message) == text("capability.no_such_gpu", index=3, count=1) == "there is no GPU 3: this machine shows 1"


def test_an_error_crosses_the_wire_as_its_code() -> None:
    error = ConfigError("config.unknown_value", knob="dtype", value="'int3'", allowed="auto", nearest="-")
    again = rebuild(type(error).__name__, error.code, error.params)
    assert type(again) is ConfigError
    assert str(again) == str(error)
    assert isinstance(again, WorkbenchError)
    assert (again.what, again.why, again.next_step) == (error.what, error.why, error.next_step)
