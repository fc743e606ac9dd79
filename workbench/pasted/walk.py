"""What a walk through a script has met so far."""

import ast
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.pasted.source import Script
from workbench.pasted.values import Call, Made, Setting


@dataclass
class Walk:
    """All that was met, in order."""

    script: Script
    block: Callable[["Walk", Sequence[ast.stmt]], None]  # reads a body of statements
    reader: Callable[["Walk", ast.AST], Any]  # of one expression
    calls: list[Call] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)
    settings: list[Setting] = field(default_factory=list)
    imports: list[tuple[str, ast.stmt, int]] = field(default_factory=list)  # module, statement, order
    order: int = 0
    names: dict[str, Any] = field(default_factory=dict)
    functions: dict[str, Any] = field(default_factory=dict)
    classes: set[str] = field(default_factory=set)
    results: dict[int, Any] = field(default_factory=dict)
    called: Counter[str] = field(default_factory=Counter)
    assigned: Counter[str] = field(default_factory=Counter)
    returned: list[Any] = field(default_factory=list)
    branch: int = 0
    loops: int = 0
    depth: int = 0
    context: tuple[tuple[str, ast.AST], ...] = ()
    statement: ast.stmt | None = None
    alone: bool = False

    def evaluate(self, node: ast.AST) -> Any:
        """What `node` stands for here."""
        return self.reader(self, node)
