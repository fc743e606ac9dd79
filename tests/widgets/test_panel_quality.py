"""Quality in the panel, on a real model: the verdict beside the speed, the tab, bytes counted, a suggestion applied."""

import html
from pathlib import Path

import pytest

import workbench as wb
from tests.charts.quality_samples import sensitivity
from tests.widgets.conftest import Driver
from workbench.charts.sensitivity import MOST_GROUPS
from workbench.widgets import TuningPanel
from workbench.widgets.parts import is_shown

pytestmark = pytest.mark.model

TEXT = "The sea is calm tonight. The tide is full, the moon lies fair upon the straits. " * 6


@pytest.fixture
def own_text(panel: Driver, tmp_path: Path) -> Path:
    """A short text of one's own is chosen in the tab."""
    path = tmp_path / "own.txt"
    path.write_text(TEXT, encoding="utf-8")
    panel["suite"].value = "file"
    panel["suite-file"].value = str(path)
    return path


def test_quality_stands_beside_speed_and_fills_its_tab(panel: Driver, own_text: Path) -> None:
    panel.press("knob-dtype-bfloat16")
    panel.press("apply")
    panel.press("measure")
    assert "quality not judged yet" in panel["last"].value
    panel.press("quality")
    found = panel.session.last["quality"]
    assert panel["tabs"].titles[panel["tabs"].selected_index] == "Quality"
    said = html.unescape(panel["last"].value)
    assert str(found.verdict) in said
    assert "decode" in said  # its speed, measured before, is beside it
    assert html.escape(str(found.verdict)) in panel["judged"].value
    marks = [name for trace in panel["chart-decision"].data[2:] for name in trace.customdata or ()]
    assert sorted(set(marks)) == [0, 1]  # the reference and bfloat16
    assert panel["chart-quality"].data[1].x[0] == pytest.approx(found.by_domain["own_text"].kld.mean)
    assert "wb-diff" in panel["answers"].value
    assert "quality judged in" in panel["status"].value

    later = Driver(TuningPanel(panel.session, chart="quality"), panel.session)  # knows what was found before
    assert later["judged"].value == panel["judged"].value
    later.panel.close()


def test_own_file_needs_a_name(panel: Driver) -> None:
    panel["suite"].value = "file"
    panel["quality"].click()
    assert "No file is named" in panel["error"].value
    assert panel.session.state == "idle"


def test_bytes_are_counted_in_the_tab_of_memory(panel: Driver) -> None:
    panel.press("census")
    counted = panel.session.last["census"]
    assert panel["tabs"].titles[panel["tabs"].selected_index] == "Memory"
    drawn = sum(value for trace in panel["chart-census"].data for value in trace.x)
    assert drawn == pytest.approx(counted.bytes / 2**20)
    assert "counted" in panel["status"].value


def test_a_quantised_model_says_what_was_not_quantised_and_its_modules_are_ranked(panel: Driver) -> None:
    panel["knob-quantization-torchao-int8-weight"].click()
    assert "forecast" in panel["pending"].value
    panel.press("apply")
    share = panel.session.resolved.quantized_share
    assert 0 < share < 1
    assert "of the weights were not quantised" in panel["ran"].value
    assert "<b class='wb-but'>but</b>" in panel["ran"].value
    panel.press("census")
    assert html.escape(str(panel.session.last["census"].sentence)) in panel["ran"].value

    panel.press("sensitivity")
    ranked = panel.session.last["sensitivity"]
    assert html.escape(str(ranked.sentence)) in panel["modules"].value
    assert len(panel["chart-sensitivity"].layout.yaxis.ticktext) == min(len(ranked.groups), MOST_GROUPS)


def test_a_suggestion_waits_for_apply(panel: Driver) -> None:
    assert not is_shown(panel["spare"])
    ranked = sensitivity()
    panel.session.last["sensitivity"] = ranked
    panel.session._dispatcher.send("result", 10_003, {"kind": "sensitivity", "value": ranked})
    assert panel.session._dispatcher.flush()
    assert is_shown(panel["spare"])
    panel["spare"].click()
    assert "skip_modules auto→down_proj" in html.unescape(panel["pending"].value)
    panel["discard"].click()


def test_a_mark_of_the_decision_makes_its_configuration_pending(panel: Driver) -> None:
    candidate = wb.Config(dtype="bfloat16", threads=1)
    panel.panel._config_chosen(candidate)
    assert "dtype float32→bfloat16" in html.unescape(panel["pending"].value)
