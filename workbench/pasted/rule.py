"""What a mark's rule is: plain data, and a small function that finds the places."""

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.pasted.calls import entries_of
from workbench.pasted.edits import Edit
from workbench.pasted.facts import Facts
from workbench.pasted.result import Kind
from workbench.pasted.values import Call, Given

TRANSFORMERS = "transformers 5.23.0"


@dataclass(frozen=True)
class Seen:
    """One place: the node that is underlined, the argument's name, what fills the words, what mends it."""

    node: ast.AST
    argument: str
    params: Mapping[str, Any] = field(default_factory=dict)
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True)
class Rule:
    """One entry of the registry. Its words are `pasted.mark.<code>`: what, why, instead."""

    code: str
    kind: Kind
    source: str
    find: Callable[[Facts], Iterable[Seen]]


def calls(facts: Facts, *kinds: str) -> list[Call]:
    """All calls of these kinds in the script, whichever model they are on."""
    return [call for call in facts.walk.calls if call.kind in kinds]


def arguments(facts: Facts, kinds: tuple[str, ...], *names: str) -> Iterator[tuple[Call, Given]]:
    """The arguments of these names, of the calls of these kinds; of a pipeline those in model_kwargs too."""
    for call in calls(facts, *kinds):
        inner = entries_of(call.value("model_kwargs")).values() if call.kind == "pipeline" else ()
        for given in (*call.given.values(), *inner):
            if given.name in names and given.form != "position":
                yield call, given


def methods(facts: Facts, *names: str) -> list[Call]:
    """Calls of these methods on a model."""
    return [call for call in calls(facts, "method") if call.made and call.made.kind == "model" and call.name in names]


def generation(facts: Facts) -> Iterator[tuple[Call, dict[str, Given]]]:
    """Each generating call with the settings in force for it."""
    for call in facts.generates:
        yield call, facts.settings(call)


def once(seen: Iterable[Seen]) -> list[Seen]:
    """A place once, however many calls share it."""
    found: dict[int, Seen] = {}
    for each in seen:
        found.setdefault(id(each.node), each)
    return list(found.values())


def written(value: Any) -> str:
    """A value as a sentence shows it."""
    return repr(value)[:80]
