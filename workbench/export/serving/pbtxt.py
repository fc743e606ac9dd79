"""Protocol buffers' text format, as far as a Triton model configuration needs it."""

from collections.abc import Mapping, Sequence

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Word(str):
    """The name of an enum's value: written without quotes."""

    __slots__ = ()


Value = str | int | bool | Word | Mapping[str, "Value"] | Sequence["Value"]


def quote(text: str) -> str:
    """A string literal: what does not print in ASCII is written as octal bytes of its UTF-8."""
    written = []
    for letter in text:
        if letter in _ESCAPES:
            written.append(_ESCAPES[letter])
        elif letter.isascii() and letter.isprintable():
            written.append(letter)
        else:
            written += [f"\\{byte:03o}" for byte in letter.encode("utf-8", "surrogatepass")]
    return f'"{"".join(written)}"'


def message(values: Mapping[str, Value], indent: str = "") -> list[str]:
    """Lines of the fields; a sequence of messages becomes one block for each."""
    lines: list[str] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            lines += _block(name, value, indent)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            if value and all(isinstance(each, Mapping) for each in value):
                for each in value:
                    assert isinstance(each, Mapping)
                    lines += _block(name, each, indent)
            else:
                lines.append(f"{indent}{name}: [{', '.join(_scalar(each) for each in value)}]")
        else:
            lines.append(f"{indent}{name}: {_scalar(value)}")
    return lines


def _block(name: str, values: Mapping[str, Value], indent: str) -> list[str]:
    return [f"{indent}{name} {{", *message(values, indent + "  "), f"{indent}}}"]


def _scalar(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Word) or not isinstance(value, str):
        return str(value)
    return quote(value)
