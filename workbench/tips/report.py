"""What a machine said of the tips, as one Markdown and one self-contained HTML page, and as a document."""

import json
from collections.abc import Iterable
from pathlib import Path

from workbench.results import Machine, TipRun, TipsReport, document, versions
from workbench.runs import Runs
from workbench.tips import TIPS
from workbench.tips.verdicts_shown import card, headline, in_order, row
from workbench.words import text
from workbench.words.format import escape, printable

NAME = "tips"
_HEADS = ("id", "statement", "verdict", "expected", "because")
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: CanvasText;
  background: Canvas; color-scheme: light dark }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; vertical-align: top; padding: .3rem .6rem;
  border-bottom: 1px solid color-mix(in srgb, CanvasText 20%, transparent) }
dt { font-weight: 600; margin-top: .4rem } dd { margin: 0 0 0 1.2rem }
section { margin: 1.6rem 0; padding-left: 1rem;
  border-left: .3rem solid color-mix(in srgb, CanvasText 30%, transparent) }
section.against { border-left-color: #b35900 } td.id { white-space: nowrap }
"""


def kept(runs: Runs, machine: Machine, model: str) -> TipsReport:
    """The newest verdict on each tip that this machine gave on this model; tips without a model count for each."""
    newest: dict[str, TipRun] = {}
    seconds = 0.0
    for record in runs.filter(kind="tip", machine=machine.label, limit=None):
        found = TipRun.from_dict(record["result"])
        if found.id not in newest and found.id in TIPS and found.model in ("", model, TIPS[found.id].model):
            newest[found.id] = found
            seconds += found.seconds
    ordered = tuple(newest[id_] for id_ in TIPS if id_ in newest)
    left = tuple(id_ for id_ in TIPS if id_ not in newest)
    return TipsReport(machine=machine.label, versions=versions(), model=model, runs=ordered, left=left, seconds=seconds)


def write(report: TipsReport, machine: Machine, folder: Path) -> list[Path]:
    """tips.json, tips.md and tips.html into `folder`; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = document("tips", model=report.model, machine=machine, result=report)
    pages = {
        "json": json.dumps(whole, indent=1, ensure_ascii=False) + "\n",
        "md": markdown(report),
        "html": page(report),
    }
    paths = []
    for ending, content in pages.items():
        paths.append(folder / f"{NAME}.{ending}")
        paths[-1].write_text(content, encoding="utf-8")
    return paths


def markdown(report: TipsReport) -> str:
    """For people and for a repository: the table, then a card each."""
    lines = [f"# {_title(report)}", "", headline(report), "", _conditions(report), ""]
    lines += [_cells(text(f"tips.head.{name}") for name in _HEADS), _cells("---" for _ in _HEADS)]
    ordered = in_order(report.runs)
    lines += [_cells(map(_plain, row(run))) for run in ordered]
    for run in ordered:
        lines += ["", f"## {run.id}", ""]
        lines += [f"- **{what}**: {_plain(words)}" for what, words in card(run)]
    return "\n".join(lines) + "\n"


def page(report: TipsReport) -> str:
    """The same as one file without any other; whatever stands in it is shown as text."""
    ordered = in_order(report.runs)
    heads = "".join(f"<th scope=col>{escape(text(f'tips.head.{name}'))}</th>" for name in _HEADS)
    rows = "".join(
        f"<tr><td class=id><a href='#{run.id}'>{run.id}</a></td>"
        + "".join(f"<td>{_shown(words)}</td>" for words in row(run)[1:])
        + "</tr>"
        for run in ordered
    )
    cards = "".join(_section(run) for run in ordered)
    title = escape(_title(report))
    return (
        f"<!doctype html><html lang=en><head><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{title}</h1><p><strong>{_shown(headline(report))}</strong></p><p>{_shown(_conditions(report))}</p>"
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>{cards}</body></html>\n"
    )


def _section(run: TipRun) -> str:
    lines = "".join(f"<dt>{_shown(what)}</dt><dd>{_shown(words)}</dd>" for what, words in card(run))
    against = " class=against" if run.against_expectation else ""
    return f"<section id='{run.id}'{against}><h2>{run.id}</h2><dl>{lines}</dl></section>"


def _title(report: TipsReport) -> str:
    return text("tips.title", machine=report.machine)


def _conditions(report: TipsReport) -> str:
    built = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    return text("tips.conditions", model=report.model, versions=built, seconds=round(report.seconds))


def _cells(words: Iterable[str]) -> str:
    return "| " + " | ".join(words) + " |"


def _plain(words: str) -> str:
    """In a table of Markdown, and never as markup."""
    return printable(words, 1000).replace("|", "\\|").replace("<", "&lt;")


def _shown(words: str) -> str:
    return escape(words, 1000)
