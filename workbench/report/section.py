"""A part of a report: plain data, which each kind of page renders in its own way."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Section:
    """lines, then a table (heading, rows), a chart (a plotly figure as a dictionary), and code. All text is plain."""

    title: str
    lines: tuple[str, ...] = ()
    heading: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    figure: dict[str, Any] | None = None
    code: str = ""
