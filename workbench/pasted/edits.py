"""Changes to a script by place, so that comments, formatting and everything else stay byte for byte."""

import ast
import re
from collections.abc import Iterable, Sequence

from workbench.pasted.source import Script, parses
from workbench.pasted.values import Call, Given
from workbench.results.base import Result


class Edit(Result):
    """`text` in place of the characters from `start` to `end` of the script."""

    start: int
    end: int
    text: str


_COMMA_BEFORE = re.compile(r",\s*$")
_COMMA_AFTER = re.compile(r"[ \t]*,[ \t]*")
_NEAR = 2000  # characters in which a comma before an argument is looked for
_REST_OF_LINE = re.compile(r"[ \t]*(#[^\n]*)?(\r\n|\r|\n)")


def mended(text: str, wanted: Sequence[Sequence[Edit]]) -> tuple[str, list[bool]]:
    """`text` with each group of edits that fits beside those before it and leaves a script; and which did.

    An equal edit of two groups (an import that both need) is made once.
    """
    whole, done = _fitting(wanted)
    if parses(made := _applied(text, whole)):
        return made, done
    taken: list[Edit] = []
    for place, group in enumerate(wanted):  # one of them breaks it: each is tried
        fresh = [edit for edit in group if edit not in taken] if done[place] else []
        done[place] = bool(fresh) and parses(_applied(text, [*taken, *fresh]))
        taken += fresh if done[place] else []
    return _applied(text, taken), done


def _fitting(wanted: Sequence[Sequence[Edit]]) -> tuple[list[Edit], list[bool]]:
    """The edits of the groups that stand beside those before them, and which groups these are."""
    taken: list[Edit] = []
    done = []
    for group in wanted:
        fresh = [edit for edit in group if edit not in taken]
        done.append(bool(group) and not any(_overlap(edit, other) for edit in fresh for other in taken))
        taken += fresh if done[-1] else []
    return taken, done


def _overlap(one: Edit, other: Edit) -> bool:
    """Two deletions may: of neighbours in a list both take the comma between them."""
    if not one.text and not other.text:
        return False
    if one.start == one.end or other.start == other.end:  # an insertion may touch an end, and another insertion
        return other.start < one.start < other.end or one.start < other.start < one.end
    return one.start < other.end and other.start < one.end


def _applied(text: str, edits: Iterable[Edit]) -> str:
    done, at = [], 0
    for edit in _joined(text, edits):
        done += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*done, text[at:]])


def _joined(text: str, edits: Iterable[Edit]) -> list[Edit]:
    """In order; deletions that touch are one, and take the comma along that would be left before a bracket."""
    found: list[Edit] = []
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        last = found[-1] if found else None
        if last is not None and not edit.text and not last.text and edit.start <= last.end:
            found[-1] = last.model_copy(update={"end": max(edit.end, last.end)})
        else:
            found.append(edit)
    return [_with_comma(text, edit) for edit in found]


def _with_comma(text: str, edit: Edit) -> Edit:
    comma = _COMMA_BEFORE.search(text, max(0, edit.start - _NEAR), edit.start)
    if (
        edit.text
        or edit.start == edit.end
        or not comma
        or comma[0].strip() != ","
        or text[edit.end : edit.end + 1] not in ")}"
    ):
        return edit
    return edit.model_copy(update={"start": comma.start()})


def renamed(script: Script, given: Given, name: str) -> tuple[Edit, ...]:
    """The same value under another name."""
    start, _ = script.span(given.node)
    if given.form == "keyword":
        return (Edit(start=start, end=start + len(given.name), text=name),)
    if given.form == "entry" and isinstance(given.node, ast.Constant):
        _, end = script.span(given.node)
        return (Edit(start=start, end=end, text=f'"{name}"'),)
    if given.form == "assignment" and isinstance(given.owner, ast.Subscript):
        start, end = script.span(given.owner.slice)
        return (Edit(start=start, end=end, text=f'"{name}"'),)
    return ()


def revalued(script: Script, given: Given, words: str) -> tuple[Edit, ...]:
    """Another value under the same name."""
    start, end = script.span(given.words)
    return (Edit(start=start, end=end, text=words),)


def replaced(script: Script, given: Given, name: str, words: str) -> tuple[Edit, ...]:
    """Another name and value in its place."""
    if given.form == "keyword":
        start, end = script.span(given.node)
        return (Edit(start=start, end=end, text=f"{name}={words}"),)
    if given.form == "entry" or isinstance(given.owner, ast.Subscript):
        return (*renamed(script, given, name), *revalued(script, given, words))
    return ()


def dropped(script: Script, given: Given) -> tuple[Edit, ...]:
    """The argument gone with one of its commas, and with its line where it had one to itself."""
    if given.form not in ("keyword", "entry"):
        return ()
    text = script.text
    start, (_, end) = script.span(given.node)[0], script.span(given.words)
    begin = text.rfind("\n", 0, start) + 1
    after = _COMMA_AFTER.match(text, end)
    rest = _REST_OF_LINE.match(text, after.end()) if after else None
    if after and rest and rest[1] is None and not text[begin:start].strip():
        return (Edit(start=begin, end=rest.end(), text=""),)
    if after:
        return (Edit(start=start, end=after.end(), text=""),)
    before = _COMMA_BEFORE.search(text, max(0, start - _NEAR), start)
    begin = before.start() if before and before[0].strip() == "," else start
    return (Edit(start=begin, end=end, text=""),)


def added(script: Script, call: Call, words: str) -> tuple[Edit, ...]:
    """One more keyword argument, after the last."""
    end = script.span(call.node)[1]
    arguments = [*call.node.args, *(keyword.value for keyword in call.node.keywords)]
    if not arguments:
        return (Edit(start=end - 1, end=end - 1, text=words),)
    last = max(script.span(each)[1] for each in arguments)
    return (Edit(start=last, end=last, text=f", {words}"),)


def without_call(script: Script, call: Call) -> tuple[Edit, ...]:
    """`x.method(…)` as `x`; the whole line, where nothing else stands in it and its block has more."""
    if not isinstance(call.node.func, ast.Attribute):
        return ()
    if (line := _own_line(script, call)) is not None:
        return (line,)
    start, end = script.span(call.node.func.value)[1], script.span(call.node)[1]
    return (Edit(start=start, end=end, text=""),)


def unwrapped(script: Script, call: Call) -> tuple[Edit, ...]:
    """`f(x, …)` as `x`."""
    if not call.node.args:
        return ()
    start, end = script.span(call.node)
    return (Edit(start=start, end=end, text=script.words(call.node.args[0])),)


def without_line(script: Script, statement: ast.stmt, alone: bool) -> Edit | None:
    """The line of `statement` gone, where nothing else stands in it."""
    start, end = script.span(statement)
    begin = max(script.text.rfind("\n", 0, start), script.text.rfind("\r", 0, start)) + 1
    rest = re.compile(r"[ \t]*(\r\n|\r|\n|\Z)").match(script.text, end)
    if not alone or script.text[begin:start].strip() or rest is None:
        return None
    return Edit(start=begin, end=rest.end(), text="")


def before_line(script: Script, statement: ast.stmt, line: str) -> Edit:
    """`line` before a statement, indented as it is."""
    start = script.span(statement)[0]
    begin = max(script.text.rfind("\n", 0, start), script.text.rfind("\r", 0, start)) + 1
    indent = script.text[begin:start]
    if indent.strip():  # something stands before it in its line
        return Edit(start=start, end=start, text=f"{line}; ")
    ending = "\r\n" if "\r\n" in script.text else "\n"
    return Edit(start=begin, end=begin, text=f"{indent}{line}{ending}")


def _own_line(script: Script, call: Call) -> Edit | None:
    """Of `x.method()` and `x = x.method()`."""
    statement = call.statement
    match statement:
        case ast.Expr(value=value) if value is call.node:
            pass
        case ast.Assign(targets=[target], value=value) if value is call.node:
            assert isinstance(call.node.func, ast.Attribute)
            if script.words(target) != script.words(call.node.func.value):
                return None
        case _:
            return None
    assert statement is not None
    return without_line(script, statement, call.alone)
