"""Sections as one HTML file without any other (plotly is in it), and as Markdown. Foreign text is shown as text."""

import json
from collections.abc import Iterable, Sequence

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from workbench.report.section import Section
from workbench.words import language
from workbench.words.format import escape, printable

_MOST = 4000
_STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; color: CanvasText;
  background: Canvas; overflow-wrap: break-word }
h1, h2, p { overflow-wrap: anywhere } h1, h2 { line-height: 1.25 } h2 { margin-top: 2.2rem }
.scroll { overflow-x: auto } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; vertical-align: top; padding: .3rem .7rem;
  border-bottom: 1px solid color-mix(in srgb, CanvasText 20%, transparent) }
pre { overflow-x: auto; padding: .8rem 1rem; border-radius: 4px;
  background: color-mix(in srgb, CanvasText 7%, transparent) }
@media print { .plot, pre { break-inside: avoid } }
"""


def html(sections: Sequence[Section]) -> str:
    """One page; it asks nothing of any other machine."""
    title = escape(sections[0].title, _MOST)
    plots = any(section.figure for section in sections)
    script = f"<script>{get_plotlyjs()}</script>" if plots else ""
    body = "".join(_section(place, section) for place, section in enumerate(sections))
    return (
        f"<!doctype html><html lang='{language()}'><head><meta charset='utf-8'><title>{title}</title>"
        f"<meta name='viewport' content='width=device-width'><style>{_STYLE}</style>{script}</head>"
        f"<body>{body}</body></html>\n"
    )


def _section(place: int, section: Section) -> str:
    level = "h2" if place else "h1"
    lines = "".join(f"<p>{escape(line, _MOST)}</p>" for line in section.lines)
    code = f"<pre><code>{escape_lines(section.code)}</code></pre>" if section.code else ""
    return (
        f"<section><{level}>{escape(section.title, _MOST)}</{level}>{lines}{_plot(place, section)}"
        f"{_table(section)}{code}</section>"
    )


def _table(section: Section) -> str:
    if not section.rows:
        return ""
    head = "".join(f"<th scope='col'>{escape(cell, _MOST)}</th>" for cell in section.heading)
    body = "".join(
        f"<tr><th scope='row'>{escape(row[0], _MOST)}</th>"
        + "".join(f"<td>{escape(cell, _MOST)}</td>" for cell in row[1:])
        + "</tr>"
        for row in section.rows
    )
    return f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _plot(place: int, section: Section) -> str:
    if section.figure is None:
        return ""
    # plotly escapes "<": no text in it can end the script
    drawn = go.Figure(section.figure).to_json()
    how = json.dumps({"responsive": True, "displaylogo": False})
    return (
        f"<div class='plot' id='plot-{place}' role='img' aria-label='{escape(section.title, _MOST)}'></div>"
        f"<script>{{const f={drawn};Plotly.newPlot('plot-{place}',f.data,f.layout,{how})}}</script>"
    )


def escape_lines(code: str) -> str:
    """Code with its line breaks."""
    return "\n".join(escape(line, _MOST) for line in code.split("\n"))


def markdown(sections: Sequence[Section]) -> str:
    """The same without the charts."""
    written: list[str] = []
    for place, section in enumerate(sections):
        written += [f"{'##' if place else '#'} {_plain(section.title)}", ""]
        written += [line for said in section.lines for line in (_plain(said), "")]
        if section.rows:
            heading = section.heading or ("",) * len(section.rows[0])
            written += [_cells(heading), _cells("---" for _ in heading), *map(_cells, section.rows), ""]
        if section.code:
            written += ["```python", section.code.rstrip("\n"), "```", ""]
    return "\n".join(written).rstrip("\n") + "\n"


def _cells(cells: Iterable[str]) -> str:
    return "| " + " | ".join(_plain(cell) for cell in cells) + " |"


def _plain(words: str) -> str:
    """One line that is never markup."""
    return printable(words, _MOST).replace("\n", " ").replace("|", "\\|").replace("<", "&lt;")
