"""A small table: plain HTML that stays in a saved notebook, and plain text elsewhere."""

from dataclasses import dataclass

from workbench.words.format import escape, printable

Row = tuple[str, str]
_TEXT_LIMIT = 2000


@dataclass(frozen=True)
class Table:
    """`heading` names the columns after the first; every cell is text, escaped where it becomes HTML.

    remarks  sentences under the table
    """

    heading: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    remarks: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        head = "".join(f"<th style='text-align:left'>{escape(cell)}</th>" for cell in ("", *self.heading))
        body = "".join(
            f"<tr><th style='text-align:left'>{escape(row[0])}</th>"
            + "".join(
                f"<td style='text-align:left;white-space:pre-wrap'>{escape(cell, _TEXT_LIMIT)}</td>" for cell in row[1:]
            )
            + "</tr>"
            for row in self.rows
        )
        top = f"<tr>{head}</tr>" if any(self.heading) else ""
        whole = f"<table class='wb-result'>{top}{body}</table>" if self.rows else ""
        remarks = "".join(f"<div>{escape(remark, _TEXT_LIMIT)}</div>" for remark in self.remarks)
        return whole + remarks

    def __repr__(self) -> str:
        whole = [("", *self.heading), *self.rows] if any(self.heading) else list(self.rows)
        lines = [[printable(cell, _TEXT_LIMIT) for cell in line] for line in whole]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        shown = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
        return "\n".join([line.rstrip() for line in shown] + [printable(each, _TEXT_LIMIT) for each in self.remarks])
