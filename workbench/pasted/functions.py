"""Functions of the script: each body is read once, where it is called first."""

from typing import Any

from workbench.pasted.values import Entries, Made, Part, Unknown
from workbench.pasted.walk import Walk


def called(walk: Walk, node: Any, passed: tuple[list[Any], Entries] | None, name: str = "") -> Any:
    """What a function of the script returns; its body is read once. name: what it is called by, if not its own."""
    if id(node) in walk.results:
        return walk.results[id(node)]
    walk.results[id(node)] = Unknown(node.lineno)  # of a call of itself
    before = (walk.names, walk.returned, walk.branch, walk.loops, walk.statement, walk.alone)
    walk.names, walk.returned, walk.branch = {**walk.names, **_arguments(walk, node, passed, name)}, [], 0
    walk.block(walk, node.body)
    own = {key: value for key, value in walk.names.items() if key.startswith("self.")}
    found = walk.returned[0] if len(walk.returned) == 1 else Unknown(node.lineno)
    walk.names, walk.returned, walk.branch, walk.loops, walk.statement, walk.alone = before
    walk.names |= own
    walk.results[id(node)] = found
    return found


def _arguments(walk: Walk, node: Any, passed: tuple[list[Any], Entries] | None, name: str) -> dict[str, Any]:
    """What its arguments stand for; with several calls only a model, a tokenizer and their like are the first one's."""
    places = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    names = [each.arg for each in places if each.arg not in ("self", "cls")]
    found: dict[str, Any] = dict.fromkeys(names, Unknown(node.lineno))
    if node.args.kwarg is not None:
        found[node.args.kwarg.arg] = Unknown(node.lineno)
    if passed is None:
        return found
    given = dict(zip(names, passed[0], strict=False)) | {key: each.value for key, each in passed[1].given.items()}
    only = walk.called[name or node.name] == 1
    if only:
        given = {**_defaults(walk, node), **given}
    taken = {key: value for key, value in given.items() if only or isinstance(value, Made | Part)}
    return found | {key: value for key, value in taken.items() if key in names}


def _defaults(walk: Walk, node: Any) -> dict[str, Any]:
    """What the arguments stand for that the only call of a function leaves out."""
    places = [*node.args.posonlyargs, *node.args.args]
    named = places[len(places) - len(node.args.defaults) :]
    found = {each.arg: walk.evaluate(value) for each, value in zip(named, node.args.defaults, strict=True)}
    keywords = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    return found | {each.arg: walk.evaluate(value) for each, value in keywords if value is not None}
