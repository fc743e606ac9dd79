"""The site of the documentation: complete by the registries, and built without a warning."""

import re
from pathlib import Path

import pytest

import workbench
from tools import site
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
        assert site._cell(metric.source) in pages["metrics.md"]


def test_every_public_name_is_there(pages: dict[str, str]) -> None:
    told = pages["workbench.md"]
    for name in workbench.__all__:
        value = getattr(workbench, name)
        if callable(value):
            assert f"## `{name}" in told, name
    assert "### `Session.measure(" in told
    assert "### `Session.report(" in told


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
    for page in (tmp_path / "site").glob("*.html"):
        loaded = re.findall(
            r"<(?:script|link|img)[^>]+(?:src|href)=[\"'](https?:)?//", page.read_text(encoding="utf-8")
        )
        assert loaded == [], page.name
