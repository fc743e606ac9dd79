"""Words of a POSIX shell from values, and scripts from words. Nothing in a value is ever code."""

import re
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
    """One command, an option a line: a line starts at the program's own words, then at each word with a dash."""
    lines: list[list[str]] = [[]]
    for at, word in enumerate(words):
        if at and re.match(r"-", word) and not isinstance(word, Variable):
            lines.append([])
        lines[-1].append(quote(word))
    written = [" ".join(line) for line in lines if line]
    return [f"{'    ' if at else ''}{line}{' \\' if at < len(written) - 1 else ''}" for at, line in enumerate(written)]


def script(header: Sequence[str], body: Sequence[str]) -> str:
    """A bash script. Each line of `header` becomes one comment, whatever it holds."""
    lines = [_START, *(comment(line) for line in header), "set -euo pipefail", 'cd "$(dirname "$0")"', "", *body]
    return "".join(f"{line}\n" for line in lines)
