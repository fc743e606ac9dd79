"""Python source from values: literals and calls as `ruff format` writes them, comments that stay comments."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

WIDTH = 88  # ruff's and black's default


def literal(value: Any) -> str:
    """The literal of a plain value, read back by `ast.literal_eval`; strings in double quotes where ruff has them."""
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, dict):
        return f"{{{', '.join(f'{literal(key)}: {literal(part)}' for key, part in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(literal(part) for part in value)}]"
    return repr(value)


def assignment(name: str, value: str) -> str:
    """`name = value`, in brackets where the line is too long without them and fits with them."""
    line = f"{name} = {value}"
    if _width(line) <= WIDTH or 4 + _width(value) > WIDTH:
        return line
    return f"{name} = (\n    {value}\n)"


def dictionary(name: str, values: Mapping[str, Any]) -> list[str]:
    """`name = {…}`, an entry a line; a list that is too long for its line has one for each of its own."""
    lines = [f"{name} = {{"]
    for key, value in values.items():
        line = f"    {literal(key)}: {literal(value)},"
        if isinstance(value, list | tuple) and _width(line) > WIDTH:
            lines += [f"    {literal(key)}: [", *(f"        {literal(part)}," for part in value), "    ],"]
        else:
            lines.append(line)
    return [*lines, "}"] if values else [f"{name} = {{}}"]


def arguments(values: Mapping[str, Any]) -> list[str]:
    """`name=literal,` for each value: lines of a call whose last comma keeps a formatter from joining them."""
    return [f"{name}={literal(value)}," for name, value in values.items()]


def imported(module: str, names: Sequence[str]) -> list[str]:
    """`from module import names`, sorted, a name a line where they are too many for one."""
    ordered = sorted(names)
    line = f"from {module} import {', '.join(ordered)}"
    return [line] if len(line) <= WIDTH else [f"from {module} import (", *(f"    {name}," for name in ordered), ")"]


def comment(text: str) -> str:
    """One `#` line, whatever the text: line breaks and control characters are written as escapes."""
    safe = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
    return f"# {safe}".rstrip()


def fill(template: str, values: Mapping[str, str | Sequence[str]]) -> str:
    """`template` with `$name` filled in, a line end after each line; what is filled in is not searched again.

    A line that is nothing but `$name` becomes the lines of a sequence, at its indentation: none, one or many.
    """
    lines: list[str] = []
    for line in template.splitlines():
        alone = re.fullmatch(r"( *)\$(\w+)", line)
        block = values[alone[2]] if alone else None
        if alone and block is not None and not isinstance(block, str):
            lines.extend(f"{alone[1]}{part}" if part else "" for text in block for part in text.split("\n"))
        else:
            lines.append(re.sub(r"\$(\w+)", lambda found: str(values[found[1]]), line))
    return "".join(f"{line}\n" for line in lines)


def _string(value: str) -> str:
    quoted = repr(value)
    if quoted[0] == '"' or value.count('"') > value.count("'"):
        return quoted
    body = quoted[1:-1].replace("\\'", "'").replace('"', '\\"')
    return f'"{body}"'


def _width(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line)
