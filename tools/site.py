"""The documentation as a site: `python -m tools.site` writes its pages and has mkdocs build them into build/site.

What the registries and docstrings say is generated, so that it cannot fall behind: each knob, metric and tip with its
definition and source, and every public name. The rest is README, docs/ and the changelog as they stand.
"""

import importlib
import inspect
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from workbench.knobs import KNOBS
from workbench.knobs.knob import OK, Group
from workbench.metrics import METRICS
from workbench.tips import TIPS
from workbench.tips.shown import card
from workbench.words import text
from workbench.words.format import knob_value

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build"
PAGES, SITE = BUILD / "pages", BUILD / "site"
MODULES = ("workbench.widgets", "workbench.charts", "workbench.errors", "workbench.stats", "workbench.saved")
_GUIDES = {"Course": "docs/course.md", "Monitoring": "docs/monitoring.md", "Profiling": "docs/profiling.md"}


def knobs() -> str:
    """Every knob by group: values, default, what a change costs, when it matters."""
    lines = ["# Knobs", "", "What can be changed, from the registry. *Cost*: what a change costs the resident model."]
    for group in Group:
        lines += ["", f"## {group.value.capitalize()}"]
        for knob in (each for each in KNOBS.values() if each.group is group):
            lines += [
                *("", f"### `{knob.name}` {{ #{knob.name} }}", "", f"**{knob.label}.** {knob.help}", ""),
                f"- values: {_values(knob.kind)}{f' {knob.unit}' if knob.unit else ''}",
                f"- default: `{knob_value(knob.default)}`",
                f"- cost: {knob.cost.value}",
            ]
    return _page(lines)


def metrics() -> str:
    """Every metric: definition, unit, which way is better, and whose definition it is."""
    lines = ["# Metrics", "", "What is measured, and the definition that decides what a number means.", ""]
    lines += ["| metric | definition | unit | better | source |", "|---|---|---|---|---|"]
    for key, metric in METRICS.items():
        cells = (f"`{key}` {metric.label}", metric.definition, metric.unit, metric.better.value, metric.source)
        lines.append("| " + " | ".join(map(_cell, cells)) + " |")
    return _page(lines)


def tips() -> str:
    """Every claim: what is expected of it and why, what decides it, what it needs, and what to do instead."""
    lines = [
        "# Tips",
        "",
        "What guides say about tuning DeepSeek, and what would decide it. Expectations are no results:",
    ]
    lines += ["`workbench tips run` has this machine decide.", ""]
    topic = ""
    for tip in TIPS.values():
        if tip.topic.value != topic:
            topic = tip.topic.value
            lines += ["", f"## {topic.capitalize()}"]
        lines += ["", f"### {tip.id} {{ #{tip.id} }}", ""]
        rows = [(label, said) for label, said in card(tip, OK) if said and label != text("tips.card.here")]
        lines += [f"- **{label}**: {_cell(said)}" for label, said in rows]
    return _page(lines)


def names(module: str) -> str:
    """The public names of a module, by their docstrings."""
    room = importlib.import_module(module)
    lines = [f"# `{module}`", "", *_said(room)]
    for name in sorted(getattr(room, "__all__", ()) or _own(room), key=str.lower):
        lines += _name(name, getattr(room, name), "##")
    return _page(lines)


def _own(room: Any) -> list[str]:
    return [
        name
        for name, value in vars(room).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == room.__name__
    ]


def _name(name: str, value: Any, level: str) -> list[str]:
    if not callable(value):
        return []
    lines = ["", f"{level} `{name}{_signature(value)}`", "", *_said(value)]
    if inspect.isclass(value):
        for member, found in inspect.getmembers(value):
            plain = inspect.isroutine(found) or isinstance(inspect.getattr_static(value, member, None), property)
            documented = (getattr(found, "__doc__", None) or "") and member in _members(value)
            if plain and documented and not member.startswith("_"):
                lines += ["", f"{level}# `{name}.{member}{_signature(found)}`", "", *_said(found)]
    return lines


def _members(kind: type) -> set[str]:
    """Names that our own classes define: what a library's base class brings is its own documentation."""
    return {name for base in kind.__mro__ if base.__module__.startswith("workbench") for name in vars(base)}


def _signature(value: Any) -> str:
    try:
        found = str(inspect.signature(value))
    except (TypeError, ValueError):
        return ""
    return found.replace("workbench.", "").replace("`", "'")


def _said(value: Any) -> list[str]:
    """A docstring as it is aligned: its columns would be lost as prose."""
    told = inspect.getdoc(value)
    return ["```text", told, "```"] if told else []


def _values(kind: Any) -> str:
    found = getattr(kind, "values", None)
    if found is not None:
        return ", ".join(f"`{knob_value(value)}`" for value in found)
    return f"`{kind}`"


def _cell(words: object) -> str:
    return re.sub(r"\s+", " ", str(words)).replace("|", "\\|").replace("<", "&lt;")


def _page(lines: Iterable[str]) -> str:
    return "\n".join(lines).rstrip() + "\n"


def generated() -> dict[str, str]:
    """File of the site -> its Markdown, of all that is generated."""
    pages = {"knobs.md": knobs(), "metrics.md": metrics(), "tips.md": tips()}
    return pages | {f"{module}.md": names(module) for module in ("workbench", *MODULES)}


def write(folder: Path) -> dict[str, Any]:
    """All pages into `folder`; what mkdocs is told."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "docs").mkdir(parents=True)
    for name, content in generated().items():
        (folder / name).write_text(content, encoding="utf-8")
    for source, target in (("README.md", "index.md"), ("README.zh-CN.md", "README.zh-CN.md"), ("CHANGELOG.md",) * 2):
        (folder / target).write_text(_linked((ROOT / source).read_text(encoding="utf-8")), encoding="utf-8")
    for guide in _GUIDES.values():
        (folder / guide).write_text(_linked((ROOT / guide).read_text(encoding="utf-8")), encoding="utf-8")
    for picture in (ROOT / "docs").glob("*.png"):
        shutil.copy(picture, folder / "docs")
    return {
        "site_name": "DeepSeek Tuning Workbench",
        "docs_dir": str(folder),
        "site_dir": str(SITE),
        "use_directory_urls": False,
        "theme": {"name": "readthedocs", "highlightjs": False},
        "markdown_extensions": ["tables", "fenced_code", "attr_list", "toc"],
        "nav": [
            {"Start": "index.md"},
            {"简体中文": "README.zh-CN.md"},
            *({title: path} for title, path in _GUIDES.items()),
            {"Reference": [{"Knobs": "knobs.md"}, {"Metrics": "metrics.md"}, {"Tips": "tips.md"}]},
            {"Python": [{module: f"{module}.md"} for module in ("workbench", *MODULES)]},
            {"Changes": "CHANGELOG.md"},
        ],
    }


def _linked(page: str) -> str:
    """Links to files that are no page of the site become plain text."""
    kept = r"(?:https?:|#|docs/[\w.]+\.(?:md|png)|[\w.-]+\.png|README\.zh-CN\.md|CHANGELOG\.md)"
    page = page.replace("](README.md)", "](index.md)").replace("](../README.md", "](../index.md")
    return re.sub(rf"(?<!!)\[([^\]]+)\]\((?!{kept}|index\.md|\.\./index\.md)[^)]+\)", r"\1", page)


def main() -> int:
    """0: built without a warning."""
    told = write(PAGES)
    configuration = BUILD / "mkdocs.yml"
    configuration.write_text(yaml.safe_dump(told, allow_unicode=True, sort_keys=False), encoding="utf-8")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-f", configuration], check=False
    )
    if built.returncode == 0:
        print(SITE / "index.html")
    return built.returncode


if __name__ == "__main__":
    sys.exit(main())
