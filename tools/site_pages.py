"""Pages of the site that the registries write: knobs, metrics, tips, and where to begin."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tools.site_names import cell
from workbench.knobs import KNOBS
from workbench.knobs.kinds import Toggle
from workbench.knobs.knob import OK, Group
from workbench.metrics import METRICS
from workbench.tips import TIPS
from workbench.tips.shown import card
from workbench.tips.tip import Topic
from workbench.words import text
from workbench.words.format import knob_value

ROOT = Path(__file__).parents[1]


def start() -> str:
    """Where to begin: what it is and what starts it, in the README's words, and the way to every other page."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    how_to = (ROOT / "docs/how-to/README.md").read_text(encoding="utf-8")
    picture, title, said, begin = (
        re.findall(pattern, readme, re.M | re.S)[0]
        for pattern in (r"^!\[.*?\)$", r"^# .*?$", r"^\*\*Change .*?\*\*$", r"^```console\nmake lab.*?^```$")
    )
    table = re.findall(r"^\|.*\|$", how_to, re.M)
    jobs = [re.sub(r"\]\((\.\./)?", lambda found: f"](docs/{'' if found[1] else 'how-to/'}", row) for row in table]
    return _page(
        [
            *(title, "", said, "", begin, "", picture, ""),
            *("All of it, measured numbers first, is in the [README](readme.md).", "", "## A job to do", "", *jobs, ""),
            *("## To look up", "", "| what | how many | where |", "|---|---|---|"),
            f"| what can be changed, with values, default and cost | {len(KNOBS)} | [Knobs](knobs.md) |",
            f"| what is measured, with definition and source | {len(METRICS)} | [Metrics](metrics.md) |",
            f"| what people say about tuning DeepSeek, and what would decide it | {len(TIPS)} | [Tips](tips.md) |",
            "| what Python offers, by docstring | | [workbench](workbench.md) |",
        ]
    )


def knobs() -> str:
    """Every knob by group: values, default, what a change costs, when it matters."""
    lines = [
        "# Knobs",
        "",
        "What can be changed, from the registry. *Cost*: what a change costs the resident model.",
        "",
    ]
    for group in Group:
        names = (f"[`{name}`](#{name})" for name, knob in KNOBS.items() if knob.group is group)
        lines.append(f"- **{group.value.capitalize()}**: {', '.join(names)}")
    for group in Group:
        lines += ["", f"## {group.value.capitalize()}"]
        for knob in (each for each in KNOBS.values() if each.group is group):
            lines += [
                *("", f"### `{knob.name}` {{ #{knob.name} }}", "", f"**{knob.label}.** {knob.help}", ""),
                f"- values: {_values(knob.kind)}{f', in {knob.unit}' if knob.unit else ''}",
                f"- default: `{_value(knob.kind, knob.default)}`",
                f"- cost: {knob.cost.value}",
            ]
    return _page(lines)


def metrics() -> str:
    """Every metric: definition, unit, which way is better, and whose definition it is."""
    lines = ["# Metrics", "", "What is measured, and the definition that decides what a number means.", ""]
    lines += ["| metric | definition | unit, better | source |", "|---|---|---|---|"]
    for key, metric in METRICS.items():
        unit = ", ".join(filter(None, (metric.unit, metric.better.value)))
        cells = (f"`{key}` {metric.label}", metric.definition, unit, metric.source)
        lines.append("| " + " | ".join(map(cell, cells)) + " |")
    return _page(lines)


def tips() -> str:
    """Every claim: what is expected of it and why, what decides it, what it needs, and what to do instead."""
    lines = [
        "# Tips",
        "",
        "What guides say about tuning DeepSeek, and what would decide it. Expectations are no results:",
        "`workbench tips run` has this machine decide.",
    ]
    for topic in Topic:
        found = [tip for tip in TIPS.values() if tip.topic is topic]
        lines += ["", f"## {topic.value.capitalize()}", "", "| claim | | expected |", "|---|---|---|"]
        lines += [f"| [{tip.id}](#{tip.id}) | {cell(tip.statement)} | {cell(tip.expected.verdict)} |" for tip in found]
        for tip in found:
            lines += ["", f"### {tip.id} {{ #{tip.id} }}", "", *_told(card(tip, OK))]
    return _page(lines)


def _told(rows: list[tuple[str, str]]) -> list[str]:
    """One item for each label: its words, those of a list below it, code as code."""
    left_out = (text("tips.card.here"), text("tips.card.topic"))
    grouped: dict[str, list[str]] = {}
    for label, said in rows:
        if said and label not in left_out:
            grouped.setdefault(label, []).append(said)
    lines = []
    for label, said in grouped.items():
        if len(said) == 1:
            lines.append(f"- **{label}**: {cell(said[0])}")
            continue
        lines.append(f"- **{label}**:")
        for index, each in enumerate(said):
            if not each.startswith("    "):
                lines.append(f"    - {cell(each)}")
                continue
            if not _is_code(said, index - 1):  # fences are none inside a list: code is what is indented twice
                lines += ["", "            :::python"]
            lines.append(f"            {each[4:]}")
            if not _is_code(said, index + 1):
                lines.append("")
    return lines


def _is_code(said: list[str], index: int) -> bool:
    return 0 <= index < len(said) and said[index].startswith("    ")


def _values(kind: Any) -> str:
    found = getattr(kind, "values", None)
    if found is not None:
        return ", ".join(f"`{knob_value(value)}`" for value in found)
    return "`off`, `on`" if isinstance(kind, Toggle) else cell(kind.allowed)


def _value(kind: Any, value: Any) -> str:
    return ("on" if value else "off") if isinstance(kind, Toggle) else knob_value(value)


def _page(lines: Iterable[str]) -> str:
    return "\n".join(lines).rstrip() + "\n"
