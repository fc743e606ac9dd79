"""What an expression stands for, from the names that are known where it is; the calls in it are noted on the way."""

import ast
from collections.abc import Sequence
from typing import Any

from workbench.pasted import calls
from workbench.pasted.assigning import assign, set_up
from workbench.pasted.functions import called
from workbench.pasted.values import Call, Dotted, Entries, Given, Made, Part, Unknown, bounded
from workbench.pasted.walk import Walk

_DEEPEST = 120
_MOST_ENTRIES = 1000
EITHER = Dotted("auto device")


def evaluate(walk: Walk, node: ast.AST) -> Any:
    """What `node` stands for; the calls in it are noted on the way."""
    walk.depth += 1
    try:
        line = getattr(node, "lineno", 1)
        return _value(walk, node, line) if walk.depth <= _DEEPEST else Unknown(line)
    finally:
        walk.depth -= 1


def _value(walk: Walk, node: ast.AST, line: int) -> Any:
    match node:
        case ast.Constant(value=value):
            return value if value is None or isinstance(value, str | int | float) else Unknown(line)
        case ast.Name(id=name):
            return walk.names.get(name, Dotted(name))
        case ast.Attribute(value=base, attr=attr):
            return _attribute(walk, base, attr, line)
        case ast.Call():
            return _call(walk, node)
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return bounded([evaluate(walk, part) for part in parts], line)
        case ast.Dict():
            return _dictionary(walk, node)
        case ast.JoinedStr(values=parts):
            return _joined(walk, parts, line)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            value = evaluate(walk, operand)
            return -value if isinstance(value, int | float) else Unknown(line)
        case ast.BinOp(left=left, op=op, right=right):
            return _sum(evaluate(walk, left), op, evaluate(walk, right), line)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            evaluate(walk, test)
            first, second = evaluate(walk, body), evaluate(walk, orelse)
            if _device(first) == "cuda" and _device(second) == "cpu" and _asks_for_cuda(walk, test):
                return EITHER
            return first if type(first) is type(second) and first == second else Unknown(line)
        case ast.Subscript(value=base, slice=key):
            return _item(evaluate(walk, base), evaluate(walk, key), line)
        case ast.Await(value=value) | ast.Starred(value=value) | ast.NamedExpr(value=value):
            found = evaluate(walk, value)
            if isinstance(node, ast.NamedExpr):
                assign(walk, node.target, found, value)
            return found
        case ast.Lambda():
            return Unknown(line)
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr | ast.comprehension | ast.keyword):
            evaluate(walk, child)
    return Unknown(line)


def _asks_for_cuda(walk: Walk, test: ast.expr) -> bool:
    """The test of `"cuda" if torch.cuda.is_available() else "cpu"`."""
    return isinstance(test, ast.Call) and calls.dotted(test.func, walk.names).endswith("cuda.is_available")


def _device(value: Any) -> str:
    return value.partition(":")[0] if isinstance(value, str) else ""


def _attribute(walk: Walk, node: ast.expr, attr: str, line: int) -> Any:
    if isinstance(node, ast.Name) and node.id in ("self", "cls") and node.id not in walk.names:
        own = Dotted(attr) if attr in walk.functions else Unknown(line)
        return walk.names.get(f"self.{attr}", own)
    base = evaluate(walk, node)
    match base:
        case Dotted(name=name):
            whole = f"{name}.{attr}"
            return walk.names.get(whole, Dotted(whole))  # a class of the script's has its values there
        case Made():
            if attr == "model" and base.kind == "pipeline":
                return base
            return Part(base, attr)
        case Part(made=made, name=name):
            return Part(made, f"{name}.{attr}")
        case Entries() if attr in ("update", "items"):
            return (base, attr)
    return base if isinstance(base, Unknown) else Unknown(line)


def _item(base: Any, key: Any, line: int) -> Any:
    match base, key:
        case Made(kind="inputs"), str():
            return Part(base, key)
        case Entries(), str() if key in base.given:
            return base.given[key].value
        case list(), int() if -len(base) <= key < len(base):
            return base[key]
        case Unknown(), _:
            return base
    return Unknown(line)


def _dictionary(walk: Walk, node: ast.Dict) -> Entries:
    found = Entries(node=node)
    for key, words in zip(node.keys, node.values, strict=True):
        value = evaluate(walk, words)
        if key is None:
            _merge(found, value, words.lineno)
        elif isinstance(name := evaluate(walk, key), str | int) and not isinstance(name, bool):
            found.given[str(name)] = Given(str(name), value, key, words, "entry", node)
    return found


def _merge(found: Entries, value: Any, line: int) -> None:
    if isinstance(value, Entries) and len(value.given) <= _MOST_ENTRIES:
        found.given |= value.given
        found.open = found.open or value.open
    else:
        found.open = value.line if isinstance(value, Unknown) else line


def _joined(walk: Walk, parts: Sequence[ast.expr], line: int) -> Any:
    words = []
    for part in parts:
        value = evaluate(walk, part.value if isinstance(part, ast.FormattedValue) else part)
        plain = not isinstance(part, ast.FormattedValue) or (part.format_spec is None and part.conversion == -1)
        if not plain or isinstance(value, bool) or not isinstance(value, str | int):
            return value if isinstance(value, Unknown) else Unknown(line)
        words.append(str(value))
    return "".join(words)


def _sum(left: Any, op: ast.operator, right: Any, line: int) -> Any:
    for side in (left, right):
        if isinstance(side, Unknown):
            return side
    texts = isinstance(left, str) and isinstance(right, str) and len(left) + len(right) < 100_000
    small = all(isinstance(side, int | float) and abs(side) < 1e12 for side in (left, right))
    lists = isinstance(left, list) and isinstance(right, list) and len(left) + len(right) < 10_000
    if isinstance(op, ast.Add) and (texts or small or lists):
        return bounded(left + right, line)
    if isinstance(op, ast.Sub) and small:
        return left - right
    if isinstance(op, ast.Mult) and small:
        return left * right
    many = isinstance(left, list) and isinstance(right, int) and not isinstance(right, bool)
    if isinstance(op, ast.Mult) and many and len(left) * right < 10_000:
        return bounded(left * right, line)
    return Unknown(line)


def _call(walk: Walk, node: ast.Call) -> Any:
    function = evaluate(walk, node.func)
    values = [evaluate(walk, each) for each in node.args]
    passed = Entries()
    for keyword in node.keywords:
        value = evaluate(walk, keyword.value)
        if keyword.arg is None:
            if isinstance(value, Made):
                passed.given[f"**{value.kind}"] = Given("**", value, keyword, keyword.value, "keyword", node)
            else:
                _merge(passed, value, keyword.value.lineno)
        else:
            passed.given[keyword.arg] = Given(keyword.arg, value, keyword, keyword.value, "keyword", node)
    if isinstance(function, tuple):  # a dictionary's update
        for each in (*values, passed):
            _merge(function[0], each, node.lineno)
        return Unknown(node.lineno)
    if isinstance(function, Dotted) and function.name in walk.functions:
        return called(walk, walk.functions[function.name], (values, passed))
    if isinstance(function, Dotted) and function.name == "dict" and len(values) <= 1:
        return _as_dictionary(node, values, passed)
    if isinstance(function, Dotted) and function.name in walk.classes:
        if begin := walk.functions.get(f"{function.name}.__init__"):
            called(walk, begin, (values, passed), function.name)
        return function  # an object has what its class has
    call = Call("plain", calls.name_of(function), node, passed.given, values, opened=passed.open)
    call.loops, call.context, call.statement, call.alone = walk.loops, walk.context, walk.statement, walk.alone
    value = calls.classify(call, function)
    walk.calls.append(call)
    if call.name.startswith("os.environ.setdefault") and len(values) == 2 and isinstance(values[0], str):
        set_up(walk, f"os.environ:{values[0]}", Given(values[0], values[1], node.args[1], node.args[1], "position"))
    _in_thread(walk, call)
    if isinstance(value, Made) and value not in walk.made:
        walk.made.append(value)
    return value


def _as_dictionary(node: ast.Call, values: list[Any], passed: Entries) -> Entries:
    """Of `dict(a=1)`, `dict(other, a=1)`, `dict(inputs, a=1)`."""
    passed.node = node
    for first in values:
        before = Entries()
        if isinstance(first, Made):
            before.given[f"**{first.kind}"] = Given("**", first, node.args[0], node.args[0], "position", node)
        else:
            _merge(before, first, node.lineno)
        passed.given = {**before.given, **passed.given}
        passed.open = passed.open or before.open
    return passed


def _in_thread(walk: Walk, call: Call) -> None:
    """`Thread(target=model.generate, kwargs=more)`, which is how answers are streamed."""
    target, more = call.value("target"), call.value("kwargs")
    if not isinstance(target, Part) or target.made.kind != "model" or target.name != "generate":
        return
    given = dict(more.given) if isinstance(more, Entries) else {}
    opened = more.open if isinstance(more, Entries) else call.line if more is not None else 0
    inner = Call("generate", "generate", call.node, given, [], target.made, opened, call.loops, call.context)
    target.made.calls.append(inner)
    walk.calls.append(inner)
