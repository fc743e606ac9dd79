"""The report from the panel: written by a job of the session, held to targets, refused in words."""

from pathlib import Path

from tests.widgets.conftest import Driver
from workbench.widgets.parts import is_shown

HOSTILE = "<img src=x onerror=alert(1)>"


def test_a_click_writes_what_was_found_and_says_where(panel: Driver, tmp_path: Path) -> None:
    assert not is_shown(panel.panel._handing.asking)
    panel["report"].click()
    assert is_shown(panel.panel._handing.asking)
    panel["report-folder"].value = str(tmp_path / "found")
    panel["report-sign"].value = True
    panel["report-targets"].value = "decode_tps>=30; kld_mean<0.05"
    panel.press("report-write")
    assert "report.html" in panel["status"].value
    assert not is_shown(panel.panel._handing.asking)
    assert {path.name for path in (tmp_path / "found").iterdir()} == {"report.html", "report.md", "config.json"}
    plain = (tmp_path / "found" / "report.md").read_text(encoding="utf-8")
    assert "decode_tps >= 30" in plain
    assert "kld_mean &lt; 0.0500" in plain


def test_a_target_that_is_none_writes_nothing(panel: Driver, tmp_path: Path) -> None:
    panel["report"].click()
    panel["report-folder"].value = str(tmp_path / "found")
    panel["report-targets"].value = f"decode_tps>=30; {HOSTILE}"
    panel["report-write"].click()
    assert "is no target" in panel["error"].value
    assert "<img" not in panel["error"].value
    assert not (tmp_path / "found").exists()


def test_a_disk_that_refuses_is_told(panel: Driver, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    panel["report-folder"].value = str(tmp_path / "file" / "below")
    panel["report-targets"].value = ""
    panel.press("report-write")
    assert "could not be written" in panel["error"].value
