"""The registry of marks: every rule, in the order in which marks of one place stand."""

import ast

from workbench.pasted import (
    marks_generation,
    marks_loading,
    marks_model,
    marks_process,
    marks_quantised,
    marks_sampling,
    marks_tokens,
)
from workbench.pasted.facts import Facts
from workbench.pasted.result import Mark
from workbench.pasted.rule import Rule, Seen
from workbench.words import say

RULES: tuple[Rule, ...] = (
    *marks_loading.RULES,
    *marks_model.RULES,
    *marks_quantised.RULES,
    *marks_sampling.RULES,
    *marks_generation.RULES,
    *marks_tokens.RULES,
    *marks_process.RULES,
)


def marks(facts: Facts) -> tuple[Mark, ...]:
    """All marks of a script, by place."""
    found = [_mark(facts, rule, seen) for rule in RULES for seen in rule.find(facts)]
    return tuple(sorted(found, key=lambda mark: (mark.line, mark.column)))


def _span(facts: Facts, seen: Seen) -> tuple[int, int]:
    """Of a method's call only what stands after the object: `.half()`."""
    start, stop = facts.script.span(seen.node)
    match seen.node:
        case ast.Call(func=ast.Attribute(value=value, attr=attr)) if attr == seen.argument:
            after = facts.script.span(value)[1]
            return max(after, facts.script.text.find(".", after, stop)), stop
    return start, stop


def _mark(facts: Facts, rule: Rule, seen: Seen) -> Mark:
    start, stop = _span(facts, seen)
    line, column = facts.script.place(start)
    last, end = facts.script.place(stop)
    if last != line:
        words = facts.script.text[start:stop].splitlines()[0]
        end = column + len(words.rstrip())
    return Mark(
        line=line,
        column=column,
        end=max(end, column + 1),
        argument=seen.argument[:80],
        rule=rule.code,
        kind=rule.kind,
        said=say(f"pasted.mark.{rule.code}", **seen.params),
        source=rule.source,
        edits=seen.edits,
    )
