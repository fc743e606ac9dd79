"""Simple data flow: what each name stands for where it is used, in the order of the text. Nothing is executed.

Straight-line assignments replace each other. A constant that is assigned in a branch, and elsewhere too, is unknown.
A function is read where it is called first, with what that call passes; with several calls its constants are unknown.
"""

import ast
from collections.abc import Sequence

from workbench.pasted import calls
from workbench.pasted.assigning import assign
from workbench.pasted.expressions import evaluate
from workbench.pasted.functions import called
from workbench.pasted.source import Script
from workbench.pasted.values import Dotted, Unknown
from workbench.pasted.walk import Walk

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def walk(script: Script) -> Walk:
    """Reads the module, then the functions and methods that nobody called."""
    found = Walk(script, _block, evaluate)
    for node in ast.walk(script.tree):
        if isinstance(node, ast.Call):
            found.called[_plain_name(node.func)] += 1
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.assigned[node.id] += 1
        elif isinstance(node, _FUNCTIONS):
            found.functions.setdefault(node.name, node)
    _block(found, script.tree.body)
    for node in ast.walk(script.tree):
        if isinstance(node, _FUNCTIONS) and id(node) not in found.results:
            called(found, node, None)
    return found


def _plain_name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _block(walk: Walk, body: Sequence[ast.stmt]) -> None:
    for statement in body:
        walk.statement, walk.alone = statement, len(body) > 1
        walk.order += 1
        _statement(walk, statement)


def _statement(walk: Walk, node: ast.stmt) -> None:
    match node:
        case ast.Import() | ast.ImportFrom():
            _import(walk, node)
        case ast.Assign(targets=targets, value=value):
            found = evaluate(walk, value)
            for target in targets:
                assign(walk, target, found, value)
        case ast.AnnAssign(target=target, value=value) if value is not None:
            assign(walk, target, evaluate(walk, value), value)
        case ast.AugAssign(target=target, value=value):
            evaluate(walk, value)
            if isinstance(target, ast.Name):
                walk.names[target.id] = Unknown(node.lineno)
        case ast.Return(value=value) if value is not None:
            walk.returned.append(evaluate(walk, value))
        case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
            _with(walk, items, body)
        case ast.If():
            _branches(walk, node)
        case ast.For(body=body, orelse=orelse) | ast.AsyncFor(body=body, orelse=orelse):
            evaluate(walk, node.iter)
            assign(walk, node.target, Unknown(node.lineno), node.iter)
            _loop(walk, body, orelse)
        case ast.While(test=test, body=body, orelse=orelse):
            evaluate(walk, test)
            _loop(walk, body, orelse)
        case ast.Try() | ast.TryStar():
            body, handlers, orelse, final = node.body, node.handlers, node.orelse, node.finalbody
            _inside(walk, body)
            for each in (*(handler.body for handler in handlers), orelse, final):
                _inside(walk, each)
        case ast.Match(subject=subject, cases=cases):
            evaluate(walk, subject)
            for case_ in cases:
                _inside(walk, case_.body)
        case ast.ClassDef():
            _class(walk, node)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            pass
        case _:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    evaluate(walk, child)


def _class(walk: Walk, node: ast.ClassDef) -> None:
    """Its values and methods by its name; a method is read where it is called, or at the end."""
    walk.classes.add(node.name)
    for each in node.body:
        if isinstance(each, _FUNCTIONS):
            walk.functions[f"{node.name}.{each.name}"] = each
        elif isinstance(each, ast.Assign | ast.AnnAssign) and each.value is not None:
            targets = each.targets if isinstance(each, ast.Assign) else [each.target]
            value = evaluate(walk, each.value)
            walk.names |= {f"{node.name}.{target.id}": value for target in targets if isinstance(target, ast.Name)}


def _import(walk: Walk, node: ast.Import | ast.ImportFrom) -> None:
    for alias in node.names:
        module = node.module if isinstance(node, ast.ImportFrom) and node.module else ""
        whole = f"{module}.{alias.name}" if module else alias.name
        walk.names[alias.asname or alias.name.partition(".")[0]] = Dotted(
            whole if module or alias.asname else alias.name.partition(".")[0]
        )
        walk.imports.append(((module or alias.name).partition(".")[0], node, walk.order))


def _branches(walk: Walk, node: ast.If) -> None:
    """An `if` with its `elif`s, one after the other: a tree of them may be thousands deep."""
    main = isinstance(node.test, ast.Compare) and _plain_name(node.test.left) == "__name__"
    while True:
        evaluate(walk, node.test)
        if main:
            _block(walk, node.body)
        else:
            _inside(walk, node.body)
        if len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
            node = node.orelse[0]
            continue
        _inside(walk, node.orelse)
        return


def _inside(walk: Walk, body: Sequence[ast.stmt]) -> None:
    walk.branch += 1
    _block(walk, body)
    walk.branch -= 1


def _loop(walk: Walk, body: Sequence[ast.stmt], orelse: Sequence[ast.stmt]) -> None:
    walk.loops += 1
    _inside(walk, body)
    walk.loops -= 1
    _inside(walk, orelse)


def _with(walk: Walk, items: Sequence[ast.withitem], body: Sequence[ast.stmt]) -> None:
    before = walk.context
    for item in items:
        found = evaluate(walk, item.context_expr)
        if isinstance(item.context_expr, ast.Call):
            name = calls.dotted(item.context_expr.func, walk.names)
            walk.context = (*walk.context, (name, item.context_expr))
        if item.optional_vars is not None:
            assign(walk, item.optional_vars, found, item.context_expr)
    _block(walk, body)
    walk.context = before
