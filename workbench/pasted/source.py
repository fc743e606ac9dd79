"""A pasted text as a tree with places in it. Nothing of it is imported, executed or opened."""

import ast
import json
import re
import warnings
from bisect import bisect_right
from dataclasses import dataclass, field

from workbench.errors import ConfigError

LONGEST = 2_000_000  # characters; beyond it a text is a dump, not a script
_LINE_END = re.compile(r"\r\n|\r|\n")  # where Python ends a line; str.splitlines also breaks at form feeds and \u2028
_MAGIC = re.compile(r"\s*(?:[!%?]|\w+\s*=\s*[!%]|.*[^#\s]\s*\?{1,2}\s*$)")
_CELL_MAGIC = re.compile(r"\s*%%(?!time|timeit|capture|prun)\w+")
_CELL = re.compile(r"#\s*(?:%%|In\s*\[)")


@dataclass(frozen=True)
class Script:
    """text: as it was given, or the code cells of a notebook, joined; read: the same, IPython's own lines blanked."""

    text: str
    tree: ast.Module
    read: str
    starts: tuple[int, ...]
    magics: tuple[int, ...] = ()
    _lines: tuple[str, ...] = field(default=(), repr=False)

    def offset(self, line: int, column: int) -> int:
        """The place in `text` of a tree's line (from 1) and column (in UTF-8 bytes, as `ast` counts)."""
        return self.starts[line - 1] + self.column(line, column)

    def column(self, line: int, column: int) -> int:
        words = self._lines[line - 1]
        return column if words.isascii() else len(words.encode()[:column].decode(errors="ignore"))

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Where `node` begins and ends in `text`."""
        place = (getattr(node, name) for name in ("lineno", "col_offset", "end_lineno", "end_col_offset"))
        line, column, last, end = place
        return self.offset(line, column), self.offset(last, end)

    def words(self, node: ast.AST) -> str:
        """The text of `node`."""
        start, end = self.span(node)
        return self.text[start:end]

    def place(self, offset: int) -> tuple[int, int]:
        """Line (from 1) and column (from 0, in characters) of a place in `text`."""
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1]


def script(text: str) -> Script:
    """The script in `text`. ConfigError for what is no Python, and for what is too long or too deep to be read."""
    if not isinstance(text, str):
        raise ConfigError("pasted.no_text", kind=type(text).__name__)
    if len(text) > LONGEST:
        raise ConfigError("pasted.too_long", characters=len(text), most=LONGEST)
    text = _of_notebook(text.removeprefix("\ufeff"))
    if "\0" in text:
        raise ConfigError("pasted.null_byte", line=_line_of(text, text.index("\0")))
    try:
        return _parsed(text, text, ())
    except SyntaxError as error:
        blanked, magics = _without_magics(text)
        if not magics:
            raise _refusal(error) from None
    try:
        return _parsed(text, blanked, magics)
    except SyntaxError as error:
        raise _refusal(error) from None


def parses(text: str) -> bool:
    """Whether `text` is a script."""
    try:
        script(text)
    except ConfigError:
        return False
    return True


def _parsed(text: str, read: str, magics: tuple[int, ...]) -> Script:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the script: escapes that mean nothing, `is` beside a literal
            tree = ast.parse(read)
    except (RecursionError, MemoryError):
        raise ConfigError("pasted.too_deep") from None
    except UnicodeEncodeError as error:  # half of a surrogate pair, which no file can hold
        raise ConfigError("pasted.no_character", line=_line_of(text, error.start)) from None
    except ValueError as error:
        raise ConfigError("pasted.not_python", line=1, problem=str(error)) from None
    ends = [found.end() for found in _LINE_END.finditer(read)]
    lines = tuple(read[start:end] for start, end in zip([0, *ends], [*ends, len(read)], strict=True))
    return Script(text, tree, read, (0, *ends), magics, lines)


def _refusal(error: SyntaxError) -> ConfigError:
    return ConfigError("pasted.not_python", line=error.lineno or 1, problem=error.msg)


def _line_of(text: str, place: int) -> int:
    return len(_LINE_END.findall(text[:place])) + 1


def _without_magics(text: str) -> tuple[str, tuple[int, ...]]:
    """`text` with IPython's lines as statements that do nothing, each as long as it was; and which lines these are."""
    parts = re.split(r"(\r\n|\r|\n)", text)
    found, goes_on, other_language = [], False, False
    for number, at in enumerate(range(0, len(parts), 2), 1):
        line = parts[at]
        other_language = bool(_CELL_MAGIC.match(line)) or (other_language and not _CELL.match(line))
        if not (goes_on or other_language or _MAGIC.match(line)):
            continue
        indent = "" if goes_on or other_language else line[: len(line) - len(line.lstrip())]
        statement = "0" if len(line) > len(indent) and not goes_on else ""
        parts[at] = (indent + statement).ljust(len(line))
        found.append(number)
        goes_on = line.rstrip().endswith("\\")
    return "".join(parts), tuple(found)


def _of_notebook(text: str) -> str:
    """The code cells of an .ipynb file, as one script; any other text as it is."""
    if not text.lstrip().startswith("{") or '"cells"' not in text:
        return text
    try:
        cells = json.loads(text)["cells"]
        sources = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
        whole = ["".join(source) if isinstance(source, list) else str(source) for source in sources]
    except (ValueError, KeyError, TypeError, RecursionError):
        return text
    return "\n\n# %%\n".join(whole) + "\n"
