"""What a name, an attribute or an item stands for once it is assigned."""

import ast
from typing import Any

from workbench.pasted import calls
from workbench.pasted.values import Dotted, Entries, Given, Made, Part, Setting, Unknown
from workbench.pasted.walk import Walk


def assign(walk: Walk, target: ast.AST, value: Any, words: ast.expr) -> None:
    match target:
        case ast.Name(id=name):
            fixed = isinstance(value, Made | Part | Unknown)
            unsure = walk.branch and walk.assigned[name] > 1 and not fixed
            walk.names[name] = Unknown(words.lineno) if unsure else value
            if isinstance(value, Made) and not value.name:
                value.name = name
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            values = value if isinstance(value, list | tuple) and len(value) == len(parts) else None
            for place, part in enumerate(parts):
                assign(walk, part, values[place] if values else Unknown(words.lineno), words)
        case ast.Attribute(attr=attr):
            _set_attribute(walk, target, attr, Given(attr, value, words, words, "assignment", target), value)
        case ast.Subscript(value=base, slice=ast.Constant(value=str(key))):
            given = Given(key, value, words, words, "assignment", target)
            if calls.dotted(base, walk.names) == "os.environ":
                set_up(walk, f"os.environ:{key}", given)
            elif isinstance(held := walk.evaluate(base), Entries):
                held.given[key] = given


def _set_attribute(walk: Walk, target: ast.Attribute, attr: str, given: Given, value: Any) -> None:
    if isinstance(target.value, ast.Name) and target.value.id in ("self", "cls"):
        walk.names[f"self.{attr}"] = value
        if isinstance(value, Made) and not value.name:
            value.name = f"self.{attr}"
        return
    base = walk.evaluate(target.value)
    made = base.made if isinstance(base, Part) else base
    if isinstance(made, Made):
        path = f"{base.name}.{attr}" if isinstance(base, Part) else attr
        made.sets[path] = given
    elif isinstance(base, Dotted):
        if f"{base.name}.{attr}" in walk.names:
            walk.names[f"{base.name}.{attr}"] = value
        set_up(walk, f"{base.name}.{attr}", given)


def set_up(walk: Walk, name: str, given: Given) -> None:
    walk.settings.append(Setting(name, given, walk.statement, walk.order, walk.alone))
