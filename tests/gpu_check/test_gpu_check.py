"""The GPU check: sections fail one by one, every page of a rehearsal says that it is one."""

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import CapabilityError, ConfigError, ModelError
from workbench.gpu_check import SECTIONS, Report, check


@pytest.fixture(autouse=True)
def _on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


def test_an_unknown_section_is_named(workbench_home: Path) -> None:
    with pytest.raises(ConfigError, match="'swiches'"):
        check(["swiches"], allow_cpu=True)


def test_without_a_gpu_it_refuses(workbench_home: Path) -> None:
    with pytest.raises(CapabilityError, match="--allow-cpu"):
        check(["environment"])


def test_a_failed_section_keeps_the_others(
    workbench_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_plan: Any) -> dict[str, Any]:
        raise ModelError("model.no_such_path", path="lost | <b>model</b>")

    monkeypatch.setitem(SECTIONS, "switches", broken)
    report = check(["environment", "switches", "capabilities"], allow_cpu=True, out=tmp_path)
    assert [section.ok for section in report.sections] == [True, False, True]
    assert not report.ok
    assert "ModelError: There is nothing at lost" in (report.sections[1].error or "")
    page = (tmp_path / "gpu-check.md").read_text()
    assert "**failed**" in page
    assert "There is nothing at lost" in page
    assert page.index("## switches") < page.index("## capabilities")
    assert Report.from_json(report.to_json()) == report
    assert sorted(path.name for path in tmp_path.glob("gpu-check*")) == ["gpu-check.json", "gpu-check.md"]


def test_a_bug_of_ours_is_not_swallowed_and_loses_nothing_before_it(
    workbench_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(_plan: Any) -> dict[str, Any]:
        return {}["missing"]  # type: ignore[no-any-return]

    monkeypatch.setitem(SECTIONS, "switches", wrong)
    with pytest.raises(KeyError):
        check(["environment", "switches"], allow_cpu=True, out=tmp_path)
    kept = json.loads((tmp_path / "gpu-check.json").read_text())
    assert [section["name"] for section in kept["result"]["sections"]] == ["environment"]


@pytest.mark.model
def test_a_whole_rehearsal(tiny: str, tmp_path: Path) -> None:
    seen: list[str] = []
    report = check(allow_cpu=True, model=tiny, budget_s=2, out=tmp_path, progress=seen.append)
    assert seen == list(SECTIONS)
    assert report.ok, [section.error for section in report.sections]
    assert report.rehearsal
    found = {section.name: section.found for section in report.sections}
    switches = found["switches"]
    assert switches is not None
    assert [model["toggles"] for model in switches["models"]] == [20, 20]
    assert all(taken > 0 for model in switches["models"] for taken in model["median_apply_s"].values())
    assert {model["device"] for model in switches["models"]} == {"cpu"}
    page = (tmp_path / "gpu-check.md").read_text()
    assert page.startswith("# CPU rehearsal of the GPU check")
    assert "no number here is a GPU's" in page
    assert "random" in page
