"""What a name in a script can stand for, as far as reading alone tells."""

import ast
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

_MOST = 10_000  # parts of a list, those of its lists included
_DEEPEST = 8


@dataclass(frozen=True)
class Unknown:
    """A value that only running would tell; `line` is where it comes from."""

    line: int


@dataclass(frozen=True)
class Dotted:
    """A name of a library, as it is imported: torch.float16. Also a name that the text uses without an import."""

    name: str

    @property
    def last(self) -> str:
        return self.name.rpartition(".")[2]


@dataclass(frozen=True)
class Part:
    """An attribute or item of an object that the script makes: model.generate, inputs["input_ids"]."""

    made: "Made"
    name: str


@dataclass(eq=False)
class Given:
    """One argument as it was written.

    node   the keyword, the key of a dictionary entry, or the value itself where it has neither
    value  what it stands for; `words` is its node
    form   keyword | entry | position | assignment
    """

    name: str
    value: Any
    node: ast.AST
    words: ast.expr
    form: str
    owner: ast.AST | None = None


@dataclass(eq=False)
class Entries:
    """A dictionary with text for keys."""

    given: dict[str, Given] = field(default_factory=dict)
    node: ast.AST | None = None
    open: int = 0  # the line of an unknown `**` in it


@dataclass(eq=False)
class Call:
    """One call that matters.

    kind      load | tokenizer | config | pipeline | bnb | generation_config | generate | tokenize | forward | method |
              wrap | foreign | plain
    name      of the function, as far as it is known
    opened    line of a `**` that cannot be known; 0: there is none
    loops     how many loops it stands in; `context`: the names of the `with` around it
    """

    kind: str
    name: str
    node: ast.Call
    given: dict[str, Given]
    values: list[Any]
    made: "Made | None" = None
    opened: int = 0
    loops: int = 0
    context: tuple[tuple[str, ast.AST], ...] = ()
    statement: ast.stmt | None = None
    alone: bool = False  # whether its statement can go without leaving an empty block

    @property
    def line(self) -> int:
        return self.node.lineno

    def value(self, name: str, default: Any = None) -> Any:
        return self.given[name].value if name in self.given else default

    def has(self, name: str) -> bool:
        return name in self.given


@dataclass(eq=False)
class Made:
    """An object that the script makes. kind: model | pipeline | tokenizer | config | bnb | generation_config | inputs.

    name   the variable that held it first; "" where none did
    calls  of its methods, in order; `sets`: attributes it was given (generation_config.pad_token_id -> the last)
    """

    kind: str
    call: Call
    name: str = ""
    calls: list[Call] = field(default_factory=list)
    sets: dict[str, Given] = field(default_factory=dict)


@dataclass(eq=False)
class Setting:
    """Something of the whole process: a switch of torch's, or a variable of the environment (name: os.environ:NAME)."""

    name: str
    given: Given
    statement: ast.stmt | None
    order: int
    alone: bool = False


def known(value: Any) -> bool:
    """Whether `value` is a constant, all of it."""
    if isinstance(value, list | tuple):
        return all(known(part) for part in value)
    return value is None or isinstance(value, str | int | float | bool)


def bounded(value: Any, line: int) -> Any:
    """`value`, or Unknown where a list holds more, or is deeper, than any argument: lists of lists grow fast."""
    left, layer = _MOST, [value]
    for _depth in range(_DEEPEST):
        inner = (part for each in layer if isinstance(each, list) for part in each)
        layer = list(islice(inner, left))
        left -= len(layer)
        if left <= 0:
            break
        if not layer:
            return value
    return Unknown(line)


def or_unknown(given: Given) -> Unknown:
    return given.value if isinstance(given.value, Unknown) else Unknown(given.words.lineno if given.words else 1)
