"""Compare and Trace in the panel, on a real model: the proof line, the verdict, the price told first, Stop."""

import html

import pytest

import workbench as wb
from tests.widgets.conftest import Driver, until
from workbench.widgets import TuningPanel
from workbench.widgets.parts import is_shown

pytestmark = pytest.mark.model


def test_a_trace_fills_the_proof_line_and_a_toggle_empties_it(panel: Driver) -> None:
    assert "kernel not traced yet" in panel["ran"].value
    panel.press("trace")
    traced = panel.session.last["trace"]
    assert "flash" in traced.backend["prefill"]
    assert "sdpa → CPU flash kernel (traced at 16+4)" in html.unescape(panel["ran"].value)
    assert panel["tabs"].titles[panel["tabs"].selected_index] == "Trace"
    assert sum(sum(bar.x) for bar in panel["chart-trace"].data) > 0
    assert traced.attention_kernels[0] in panel["traced"].value

    panel.press("knob-attention-eager")
    assert "eager (kernel not traced yet)" in panel["ran"].value
    panel.press("trace")
    assert "eager → separate matmul and softmax" in html.unescape(panel["ran"].value)
    assert "Why eager differs from sdpa" in panel["trace-why"].value
    moved = {bar.name: dict(zip(bar.y, bar.x, strict=True)) for bar in panel["chart-trace-diff"].data}
    assert set(moved) == {"prefill", "decode"}
    assert any(value for by in moved.values() for value in by.values())

    panel.press("knob-attention-sdpa")  # traced before, and nothing else has changed since
    assert "CPU flash kernel" in panel["ran"].value


def test_what_a_trace_found_stands_behind_a_red_but(panel: Driver) -> None:
    panel.press("trace")
    assert "wb-but" not in panel["ran"].value
    traced = panel.session.last["trace"]
    found = wb.words.say("trace.math_mask", phase="prefill")
    later = traced.model_copy(update={"differences": (found,)})
    panel.session._dispatcher.send("result", 10_002, {"kind": "trace", "value": later, "config": panel.session.config})
    assert panel.session._dispatcher.flush()
    assert f"<b class='wb-but'>but</b> {html.escape(str(found))}" in panel["ran"].value
    panel.press("knob-attention-eager")
    assert "wb-but" not in panel["ran"].value


def test_compare_sets_the_state_before_the_last_change_beside_the_one_in_force(panel: Driver) -> None:
    assert panel["compare"].disabled
    assert "click a knob" in panel["sides"].value
    panel.press("knob-attention-eager")
    assert "attention sdpa→eager" in html.unescape(panel["sides"].value)
    panel.press("compare")
    judged = panel.session.last["comparison"]
    assert (judged.a["attention"], judged.b["attention"]) == ("sdpa", "eager")
    assert panel.session.config.attention == "eager"
    assert panel["tabs"].titles[panel["tabs"].selected_index] == "Compare"
    for metric in ("decode_tps", "prefill_tps"):
        assert html.escape(str(judged.verdict[metric])) in panel["last"].value
        assert html.escape(str(judged.verdict[metric])) in panel["comparison"].value
    points = {y for trace in panel["chart-compare"].data[2:] for y in trace.y}
    assert points == {1, 2, 3}
    assert "compared in" in panel["status"].value


def test_a_comparison_that_loads_weights_tells_its_price_first(panel: Driver) -> None:
    panel["knob-dtype-bfloat16"].click()
    assert "dtype float32→bfloat16" in html.unescape(panel["sides"].value)
    assert not is_shown(panel["offer"])
    panel["compare"].click()
    assert is_shown(panel["offer"])
    price = panel.session.compare_cost({}, {"dtype": "bfloat16"}, panel.panel._actions.work.workload(), budget_s=1)
    assert "load" in str(price)
    assert panel["compare-quick"].description == "Quick estimate"
    panel.press("compare-not")
    assert not is_shown(panel["offer"])

    panel["compare"].click()
    panel.press("compare-quick")
    assert not is_shown(panel["offer"])
    judged = panel.session.last["comparison"]
    assert judged.quick
    assert "estimate, no verdict" in panel["last"].value
    assert panel.session.config.dtype == "float32"
    assert "bfloat16" in panel["pending"].value  # still waits for Apply
    assert "no verdict" in panel["chart-compare"].layout.title.text


def test_stop_ends_a_comparison_and_the_configuration_is_back(panel: Driver) -> None:
    panel.press("knob-attention-eager")
    panel["work-new_tokens"].value = 1500
    panel["compare"].click()
    until(lambda: panel.session.state == "comparing")
    assert panel["compare"].disabled
    panel.press("stop")
    assert "Stopped" in panel["status"].value
    assert panel.session.config.attention == "eager"
    assert panel["comparison"].value == ""
    assert not panel["compare"].disabled


def test_a_panel_opened_later_knows_what_was_found(panel: Driver, session: wb.Session) -> None:
    panel.press("trace")
    panel.press("knob-attention-eager")
    panel.press("compare")
    later = Driver(TuningPanel(session, chart="compare"), session)
    assert later["tabs"].titles[later["tabs"].selected_index] == "Compare"
    assert later["comparison"].value == panel["comparison"].value != ""
    assert later["traced"].value == panel["traced"].value
    later.panel.close()
