"""Words of a POSIX shell from values, and scripts from words. Nothing in a value is ever code."""

import shlex
from collections.abc import Sequence

from workbench.errors import ConfigError
from workbench.export.python import comment

_START = "#!/usr/bin/env bash"


class Variable(str):
    """A word of ours that the shell must expand, such as `"$HEAD"`: never made from a value."""

    __slots__ = ()


def quote(word: str) -> str:
    """`word` as one word of a shell. ConfigError: it holds a NUL byte or half a character, which no argument can."""
    if isinstance(word, Variable):
        return str(word)
    if "\0" in word or any(0xD800 <= ord(letter) <= 0xDFFF for letter in word):
        raise ConfigError("serving.unquotable", value=repr(word), where=_START)
    return shlex.quote(word)


def command(words: Sequence[str]) -> list[str]:
    """One command, an option a line: a line starts at the program's own words, then at each long option."""
    lines: list[list[str]] = [[]]
    for word in words:
        if lines[0] and word.startswith("--"):
            lines.append([])
        lines[-1].append(quote(word))
    first, *others = [" ".join(line) for line in lines]
    written = [first, *(f"    {line}" for line in others)]
    return [*(f"{line} \\" for line in written[:-1]), written[-1]]


def script(header: Sequence[str], body: Sequence[str]) -> str:
    """A bash script. Each line of `header` becomes one comment, whatever it holds."""
    lines = [_START, *(comment(line) for line in header), "set -euo pipefail", 'cd "$(dirname "$0")"', "", *body]
    return "".join(f"{line}\n" for line in lines)
