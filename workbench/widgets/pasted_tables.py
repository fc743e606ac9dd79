"""The table of a pasted script: a row for each mark, the base line under it. Its words are text, never HTML."""

from collections.abc import Callable
from typing import Any

from workbench.knobs import KNOBS
from workbench.pasted import Pasted
from workbench.widgets.table import Table
from workbench.words import text
from workbench.words.format import knob_value


def pasted(result: Pasted) -> Table:
    """Line and argument, kind, what it does, what to write instead; then the knobs, and what is not known."""
    heading = tuple(text(f"pasted.shown.heading.{name}") for name in ("kind", "what", "instead"))
    marks = [
        (
            f"{text('pasted.shown.line', line=mark.line)}: {mark.argument}",
            text(f"pasted.shown.kind.{mark.kind}"),
            f"{mark.what} {mark.why}".strip(),
            mark.instead,
        )
        for mark in result.marks
    ]
    config = result.config
    shown = [name for name in config if name in result.said or config[name] != KNOBS[name].default]
    knobs = ", ".join(f"{name}={knob_value(config[name])}" for name in shown)
    name = result.model or text("pasted.shown.unknown")
    remarks = [
        *([] if marks else [text("pasted.shown.clean")]),
        f"{text('pasted.shown.base_line')}: {name}, {knobs}",
        *(str(each) for each in (*result.unknowns, *result.notes)),
    ]
    return Table(heading if marks else ("",), tuple(marks) or (("", ""),), tuple(remarks))


READ: dict[type, Callable[[Any], Table]] = {Pasted: pasted}
