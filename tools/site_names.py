"""Public names of a module as a page: an index, then each name with its signature and its docstring."""

import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

from workbench.results.base import Result

_LINE = 88


def names(module: str) -> str:
    """The public names of a module, by their docstrings."""
    room = importlib.import_module(module)
    public = sorted(getattr(room, "__all__", ()) or _own(room), key=str.lower)
    found = [(name, value) for name in public if callable(value := getattr(room, name))]
    lines = [f"# `{module}`", "", *said(room), "", "| name | what |", "|---|---|"]
    lines += [f"| [`{name}`](#{name}) | {cell(_first(value))} |" for name, value in found]
    for name, value in found:
        lines += _name(name, value)
    return "\n".join(lines).rstrip() + "\n"


def said(value: Any) -> list[str]:
    """A docstring as it is aligned: its columns would be lost as prose."""
    told = inspect.getdoc(value)
    return ["``` { .text .said }", told, "```"] if told else []


def cell(words: object) -> str:
    """Words for a cell of a table or an item of a list."""
    return re.sub(r"\s+", " ", str(words)).replace("|", "\\|").replace("<", "&lt;")


def _own(room: Any) -> list[str]:
    return [
        name
        for name, value in vars(room).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == room.__name__
    ]


def _name(name: str, value: Any) -> Iterator[str]:
    yield from ("", f"## `{name}` {{ #{name} }}", "", *_signature(name, value), "", *said(value))
    if inspect.isclass(value):
        for member, found in inspect.getmembers(value):
            if _shown(value, member, found):
                yield from ("", f"### `{name}.{member}` {{ #{name}.{member} }}", "")
                yield from (*_signature(member, found), "", *said(found))


def _shown(kind: type, member: str, found: Any) -> bool:
    """What our own classes define and tell of; what every result has, `Result` tells once."""
    plain = inspect.isroutine(found) or isinstance(inspect.getattr_static(kind, member, None), property)
    common = kind is not Result and member in vars(Result)
    return plain and bool(found.__doc__) and member in _members(kind) and not member.startswith("_") and not common


def _members(kind: type) -> set[str]:
    """Names that our own classes define: what a library's base class brings is its own documentation."""
    return {name for base in kind.__mro__ if base.__module__.startswith("workbench") for name in vars(base)}


def _signature(name: str, value: Any) -> list[str]:
    if isinstance(value, property):
        return ["```python", f"{name}{_returned(inspect.signature(value.fget))}".replace(" -> ", ": "), "```"]
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return []
    given = [each for key, each in found.parameters.items() if key != "self"]
    parts = list(_parameters(given))
    end = "" if inspect.isclass(value) else _returned(found)
    line = f"{name}({', '.join(parts)}){end}"
    if len(line) > _LINE:
        line = "\n".join((f"{name}(", *(f"    {part}," for part in parts), f"){end}"))
    return ["```python", line, "```"]


def _parameters(given: list[inspect.Parameter]) -> Iterator[str]:
    """With the marks of what is positional and what is by name."""
    starred = False
    for index, each in enumerate(given):
        if each.kind is each.VAR_POSITIONAL:
            starred = True
        elif each.kind is each.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        yield _short(str(each))
        after = given[index + 1].kind if index + 1 < len(given) else None
        if each.kind is each.POSITIONAL_ONLY and after is not each.POSITIONAL_ONLY:
            yield "/"


def _returned(found: inspect.Signature) -> str:
    if found.return_annotation is found.empty:
        return ""
    return f" -> {_short(inspect.formatannotation(found.return_annotation))}"


def _short(words: str) -> str:
    """Without the modules in front of class names."""
    return re.sub(r"\b(?:[a-z_]\w*\.)+(?=[A-Z])", "", words).replace("`", "'")


def _first(value: Any) -> str:
    return (inspect.getdoc(value) or "").partition("\n")[0]
