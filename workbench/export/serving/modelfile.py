"""Ollama's Modelfile: written, and read as its parser does.

The format has quotes but no escapes, so some values cannot be written; each is read back before it is kept.
Grammar: ollama parser/parser.go at 00dc3af (`ParseFile`, `unquote`): a value ends at a line break, unless it opens
with `\"\"\"` or `\"` and is not closed yet; characters that do not print are dropped.
"""

from workbench.errors import ConfigError

_BREAKS = "\r\n"
_PARAMETER_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_COMMANDS = (
    "from", "license", "template", "system", "adapter", "draft", "renderer", "parser", "parameter", "message",
    "requires",
)  # fmt: skip


def line(command: str, value: str) -> str:
    """`command value`, quoted so that the parser reads `value`. ConfigError: the format cannot hold it."""
    for written in (value, f'"{value}"', f'"""{value}"""'):
        if _reads_as(f"{command} {written}\n", command, value):
            return f"{command} {written}"
    raise ConfigError("serving.unquotable", value=repr(value), where="a Modelfile")


def _reads_as(text: str, command: str, value: str) -> bool:
    name = command.split()[-1] if command.startswith("PARAMETER ") else command.lower()
    try:
        # what follows must stay a command of its own
        return read(f"{text}LICENSE end\n") == [(name, value), ("license", "end")]
    except ValueError:
        return False


def read(text: str) -> list[tuple[str, str]]:
    """(command or parameter, value) in order. ValueError: not a Modelfile."""
    found, at = [], 0
    while at < len(text):
        if text[at] in f" \t{_BREAKS}":
            at += 1
        elif text[at] == "#":
            at = _line_end(text, at)
        else:
            name, at = _word(text, at, str.isalpha)
            if name.lower() not in _COMMANDS:
                raise ValueError(f"{name!r} is no command")
            if name.lower() == "parameter":
                name, at = _word(text, at, _PARAMETER_LETTERS.__contains__)
            else:
                name = name.lower()
            value, at = _value(text, at)
            found.append((name, value))
    return found


def _word(text: str, at: int, belongs: object) -> tuple[str, int]:
    end = at
    while end < len(text) and text[end].isascii() and belongs(text[end]):  # type: ignore[operator]
        end += 1
    if end == at or end >= len(text) or text[end] not in " \t":
        raise ValueError(f"a command without a value: {text[at : end + 1]!r}")
    return text[at:end], end + 1


def _value(text: str, at: int) -> tuple[str, int]:
    kept = ""
    while at < len(text):
        letter = text[at]
        at += 1
        if letter in _BREAKS:
            value = _unquoted(kept.strip())
            if value is not None:
                return value, at
            kept += letter
        elif letter in " \t" or letter.isprintable():
            kept += letter
    value = _unquoted(kept.strip())
    if value is None:
        raise ValueError("a quote that is not closed")
    return value, at


def _unquoted(text: str) -> str | None:
    """None: a quote is still open."""
    for mark in ('"""', '"'):
        if text.startswith(mark):
            whole = len(text) >= 2 * len(mark) and text.endswith(mark)
            return text[len(mark) : -len(mark)] if whole else None
    return text


def _line_end(text: str, at: int) -> int:
    while at < len(text) and text[at] not in _BREAKS:
        at += 1
    return at
