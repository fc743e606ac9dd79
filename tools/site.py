"""The documentation as a site: `python -m tools.site` writes its pages and has mkdocs build them into build/site.

What the registries and docstrings say is generated, so that it cannot fall behind: each knob, metric and tip with its
definition and source, and every public name. The rest is README, docs/ and the changelog as they stand.
"""

import posixpath
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from pygments.formatters import HtmlFormatter

from tools import site_pages
from tools.site_names import names

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build"
PAGES, SITE = BUILD / "pages", BUILD / "site"
ROOMS = ("widgets", "charts", "forecast", "sweep.running", "export", "errors", "stats", "saved")
MODULES = ("workbench", *(f"workbench.{room}" for room in ROOMS))
_GUIDES = ("docs/course.md", "docs/monitoring.md", "docs/profiling.md")
_TITLES = {
    "docs/how-to/README.md": "All of them",
    "docs/course.md": "A half-day course",
    "docs/monitoring.md": "Monitoring",
    "docs/profiling.md": "Profiling",
}
# a file of the repository, or a folder of a registry -> its page of the site
_MOVED = {
    "README.md": "readme.md",  # mkdocs takes a README for the folder's first page, which is another here
    "workbench/knobs": "knobs.md",
    "workbench/metrics": "metrics.md",
    "workbench/tips/entries": "tips.md",
}
_CODE = {"guess_lang": False, "css_class": "codehilite"}


def generated() -> dict[str, str]:
    """File of the site -> its Markdown, of all that is generated."""
    pages = {name: getattr(site_pages, name)() for name in ("knobs", "metrics", "tips")}
    return {
        "index.md": site_pages.start(),
        **{f"{name}.md": page for name, page in pages.items()},
        **{f"{module}.md": names(module) for module in MODULES},
    }


def how_to() -> list[str]:
    """The how-to pages in the order of their table, which comes first."""
    table = "docs/how-to/README.md"
    listed = re.findall(r"\]\(([\w-]+\.md)\)", (ROOT / table).read_text(encoding="utf-8"))
    return [table, *(f"docs/how-to/{name}" for name in dict.fromkeys(listed))]


def written() -> dict[str, str]:
    """File of the repository -> its page of the site, of all that is taken as it stands."""
    files = ("README.md", "README.zh-CN.md", "CONTRIBUTING.md", "CHANGELOG.md", *_GUIDES, *how_to())
    return {name: _MOVED.get(name, name) for name in files}


def write(folder: Path) -> dict[str, Any]:
    """All pages into `folder`; what mkdocs is told."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "docs/how-to").mkdir(parents=True)
    for name, content in generated().items():
        (folder / name).write_text(content, encoding="utf-8")
    for source, target in written().items():
        (folder / target).write_text(_linked((ROOT / source).read_text(encoding="utf-8"), source), encoding="utf-8")
    for picture in (ROOT / "docs").glob("*.png"):
        shutil.copy(picture, folder / "docs")
    style = (ROOT / "tools/site.css").read_text(encoding="utf-8")
    (folder / "site.css").write_text(f"{HtmlFormatter().get_style_defs('.codehilite')}\n{style}", encoding="utf-8")
    return {
        "site_name": "DeepSeek Tuning Workbench",
        "docs_dir": str(folder),
        "site_dir": str(SITE),
        "use_directory_urls": False,
        "theme": {"name": "readthedocs", "highlightjs": False, "navigation_depth": 2},
        "extra_css": ["site.css"],
        "markdown_extensions": ["tables", "fenced_code", "attr_list", {"codehilite": _CODE}, {"toc": {"toc_depth": 3}}],
        "nav": _nav(),
    }


def _nav() -> list[dict[str, Any]]:
    return [
        {"Start": "index.md"},
        {"How-to": [{_title(page): page} for page in how_to()]},
        {"Guides": [{"README": _MOVED["README.md"]}, *({_title(page): page} for page in _GUIDES)]},
        {"Reference": [{"Knobs": "knobs.md"}, {"Metrics": "metrics.md"}, {"Tips": "tips.md"}]},
        {"Python": [{module: f"{module}.md"} for module in MODULES]},
        {
            "Project": [
                {"Contributing": "CONTRIBUTING.md"},
                {"Changes": "CHANGELOG.md"},
                {"简体中文": "README.zh-CN.md"},
            ]
        },
    ]


def _title(page: str) -> str:
    first = (ROOT / page).read_text(encoding="utf-8").partition("\n")[0]
    return _TITLES.get(page, first.removeprefix("# "))


def _linked(page: str, source: str) -> str:
    """Links of `source` as they are on the site; one to a file that is no page of it becomes plain text."""
    pages, folder = written() | _MOVED, posixpath.dirname(source)
    own = posixpath.dirname(pages[source])

    def moved(found: re.Match[str]) -> str:
        said, target = found["said"], found["target"]
        if target.startswith(("http:", "https:", "#")):
            return found[0]
        name, mark, heading = target.partition("#")
        file = posixpath.normpath(posixpath.join(folder, name))
        where = file if file.endswith(".png") else pages.get(file)
        return f"[{said}]({posixpath.relpath(where, own or '.')}{mark}{heading})" if where else said

    return re.sub(r"\[(?P<said>[^\]]+)\]\((?P<target>[^)\s]+)\)", moved, page)


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
