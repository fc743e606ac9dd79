"""The tab of scans: what is scanned is chosen there, and what was found is said under the chart."""

import html

import pytest

from tests.widgets.conftest import Driver

pytestmark = pytest.mark.model


def test_the_parameter_is_chosen_and_the_knee_is_told(panel: Driver) -> None:
    assert panel["scan-prompt_tokens"].description == "• prompt length"
    panel["scan-batch_size"].click()
    assert panel["scan-batch_size"].description == "• batch"
    assert panel["scan-prompt_tokens"].description == "prompt length"
    panel.press("scan")
    found = panel.session.last["scan"]
    assert found.parameter == "batch_size"
    assert found.values[0] == 1
    said = html.unescape(panel["scanned"].value)
    assert str(found.ended) in said
    assert all(str(knee.said) in said for knee in found.knees)
    assert "values scanned" in panel["status"].value


def test_a_scan_of_threads_leaves_out_what_it_sets_itself(panel: Driver) -> None:
    panel.press("knob-threads-auto")
    panel["scan-threads"].click()
    panel.press("scan")
    found = panel.session.last["scan"]
    assert found.parameter == "threads"
    assert len(found.lines) == 1
