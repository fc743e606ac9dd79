"""The site of the documentation: complete by the registries, and built without a warning."""

import re
from pathlib import Path

import pytest

import workbench
from tools import site
from tools.site_names import cell
from workbench.knobs import KNOBS
from workbench.metrics import METRICS
from workbench.tips import TIPS


@pytest.fixture(scope="module")
def pages(demo_home: Path) -> dict[str, str]:
    return site.generated()


def test_every_knob_metric_and_tip_is_there_with_its_definition(pages: dict[str, str]) -> None:
    assert re.findall(r"^### `(\w+)`", pages["knobs.md"], re.M) == sorted(
        KNOBS, key=lambda name: [each.group for each in KNOBS.values()].index(KNOBS[name].group)
    )
    assert re.findall(r"^\| `(\w+)`", pages["metrics.md"], re.M) == list(METRICS)
    assert set(re.findall(r"^### ([\w-]+) \{", pages["tips.md"], re.M)) == set(TIPS)
    for knob in KNOBS.values():
        assert knob.help in pages["knobs.md"]
    for metric in METRICS.values():
        assert cell(metric.source) in pages["metrics.md"]
    for tip in TIPS.values():
        assert cell(tip.expected.reason) in pages["tips.md"]
    for said in re.findall(r"^- values: (.*)$", pages["knobs.md"], re.M):
        assert "(" not in said.replace("(s)", ""), "words, no Python"


def test_every_public_name_is_there(pages: dict[str, str]) -> None:
    told = pages["workbench.md"]
    for name in workbench.__all__:
        value = getattr(workbench, name)
        if callable(value):
            assert f"## `{name}` {{" in told, name
            assert f"[`{name}`](#{name})" in told, name
    for method in ("measure", "report", "compare"):
        assert f"### `Session.{method}` {{" in told
    assert "budget_s: float = 60.0," in told


def test_the_first_page_leads_to_every_other(pages: dict[str, str]) -> None:
    """To the jobs by the how-to's own table, to the rest by name."""
    listed = re.findall(r"\]\(([\w./-]+\.md)\)", pages["index.md"])
    assert set(site.how_to()) - {"docs/how-to/README.md"} <= set(listed)
    assert {"knobs.md", "metrics.md", "tips.md", "workbench.md", "readme.md"} <= set(listed)
    named = re.findall(r"'([\w./-]+\.md)'", str(site._nav()))
    assert set(named) == {*pages, *site.written().values()}, "a page that the navigation lacks"


def test_links_lead_to_pages_or_become_words() -> None:
    said = site._linked(
        "[a](../../README.md#x) [b](../course.md) [c](../../workbench/tips/entries) [d](../../Makefile)",
        "docs/how-to/extend-it.md",
    )
    assert said == "[a](../../readme.md#x) [b](../course.md) [c](../../tips.md) d"
    assert (
        site._linked("![p](docs/panel.png) [q](https://x.org)", "README.md")
        == "![p](docs/panel.png) [q](https://x.org)"
    )


def test_the_site_builds_without_a_warning_and_asks_nothing_of_the_net(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, demo_home: Path
) -> None:
    pytest.importorskip("mkdocs")
    monkeypatch.setattr(site, "BUILD", tmp_path)
    monkeypatch.setattr(site, "SITE", tmp_path / "site")
    monkeypatch.setattr(site, "PAGES", tmp_path / "pages")
    assert site.main() == 0
    built = (tmp_path / "site" / "knobs.html").read_text(encoding="utf-8")
    assert 'id="attention"' in built
    assert (tmp_path / "site/docs/how-to/quantise-and-judge.html").exists()
    for page in (tmp_path / "site").rglob("*.html"):
        loaded = re.findall(
            r"<(?:script|link|img)[^>]+(?:src|href)=[\"'](https?:)?//", page.read_text(encoding="utf-8")
        )
        assert loaded == [], page.name
