"""The loop of the panel on a real model: change, see, measure, stop, take home."""

import html

import ipywidgets
import pytest
from plotly.callbacks import InputDeviceState, Points

import workbench as wb
from tests.widgets.conftest import Driver, until
from workbench.widgets import TuningPanel
from workbench.words.format import number

pytestmark = pytest.mark.model


def test_the_three_lines_are_there_from_the_start(panel: Driver) -> None:
    resolved = panel.session.resolved
    assert "sdpa" in panel["asked"].value
    assert "float32" in panel["asked"].value
    assert resolved.attention in panel["ran"].value
    assert "kernel not traced" in panel["ran"].value
    assert "limit" not in panel["ran"].value
    assert "nothing measured yet" in panel["last"].value
    assert "random weights" in panel["title"].value
    assert panel["stop"].disabled
    assert not panel["measure"].disabled


def test_a_live_knob_applies_at_once(panel: Driver) -> None:
    panel.press("knob-attention-eager")
    assert panel.session.resolved.attention == "eager"
    assert "eager" in panel["asked"].value
    assert "eager" in panel["ran"].value
    assert panel["knob-attention-eager"].description == "• eager"
    assert panel["knob-attention-sdpa"].description == "sdpa"
    assert "wb-on" in panel["knob-attention-eager"]._dom_classes
    assert "applied live" in panel["status"].value


def test_a_reload_waits_and_says_what_it_costs(panel: Driver) -> None:
    panel["knob-dtype-bfloat16"].click()
    waiting = html.unescape(panel["pending"].value)
    assert "dtype float32→bfloat16" in waiting
    assert "reload" in waiting
    assert "forecast" in waiting
    assert "fits" in waiting
    assert panel.session.config.dtype == "float32"
    assert not panel["apply"].disabled
    panel.press("discard")
    assert "no pending change" in panel["pending"].value
    assert panel["apply"].disabled
    assert panel["knob-dtype-float32"].description == "• float32"

    panel["knob-dtype-bfloat16"].click()
    panel.press("apply")
    assert panel.session.resolved.dtype == "bfloat16"
    assert "bfloat16" in panel["ran"].value
    assert "no pending change" in panel["pending"].value
    assert "waits for Apply" not in panel["knob-dtype"].children[0].value
    panel["knob-dtype-float32"].click()
    assert "as last time" in panel["pending"].value  # the seconds of the reload just seen
    panel.press("discard")


def test_choosing_the_value_in_force_takes_a_pending_change_back(panel: Driver) -> None:
    panel["knob-dtype-float16"].click()
    panel["knob-dtype-float32"].click()
    assert "no pending change" in panel["pending"].value


def test_a_live_change_leaves_the_pending_one_waiting(panel: Driver) -> None:
    panel["knob-dtype-bfloat16"].click()
    panel.press("knob-attention-eager")
    assert panel.session.config.attention == "eager"
    assert panel.session.config.dtype == "float32"
    assert "bfloat16" in panel["pending"].value


def test_each_measurement_adds_a_point_and_a_line_of_history(panel: Driver) -> None:
    stored = panel.session.runs.count()
    assert panel.points() == {}
    panel.press("measure")
    first = panel.session.last["measurement"]
    assert panel.points() == {1: first.decode_tps}
    assert number(first.decode_tps) in panel["last"].value
    assert f"n = {first.repeats}" in panel["last"].value
    assert "limit" in panel["ran"].value

    panel.press("knob-attention-eager")
    other, now, _ = panel["chart-speed"].data
    assert (list(other.x), list(now.x)) == ([1], [])  # the config in force has no measurement yet
    panel.press("measure")
    second = panel.session.last["measurement"]
    assert panel.points() == {1: first.decode_tps, 2: second.decode_tps}
    other, now, _ = panel["chart-speed"].data
    assert (list(other.x), list(now.x)) == ([1], [2])
    assert "attention<br>sdpa→eager" in panel["chart-speed"].layout.xaxis.ticktext[1]
    assert "not a paired comparison, so no verdict" in panel["last"].value
    assert number(first.decode_tps) in panel["last"].value
    panel["tabs"].selected_index = 1  # drawn when it comes to the front
    assert list(panel["chart-memory"].data[-2].y) == pytest.approx(
        [run.peak_bytes / (1 << 20) for run in (first, second)]
    )
    assert panel.session.runs.count() == stored + 2
    panel.tab("history")
    assert panel["history"].value.count("<tr>") - 1 == stored + 2
    assert "attention=eager" in panel["history"].value


def test_prefill_can_be_shown_instead(panel: Driver) -> None:
    panel.press("measure")
    panel["metric-prefill_tps"].click()
    assert panel.points() == {1: panel.session.last["measurement"].prefill_tps}
    panel["metric-decode_tps"].click()
    assert panel.points() == {1: panel.session.last["measurement"].decode_tps}


def test_a_clicked_point_brings_its_config_back_as_pending(panel: Driver) -> None:
    panel.press("measure")
    panel.press("knob-attention-eager")
    point = panel["chart-speed"].data[0]  # hollow: another config than the one in force
    point._dispatch_on_click(Points(point_inds=[0], trace_index=0), InputDeviceState())
    assert "attention eager→sdpa" in html.unescape(panel["pending"].value)
    assert "live, no reload" in panel["pending"].value
    panel.press("apply")
    assert panel.session.resolved.attention == "sdpa"


def test_stop_ends_a_measurement_and_everything_can_be_pressed_again(panel: Driver) -> None:
    panel["work-new_tokens"].value = 1500
    panel["measure"].click()
    assert panel["measure"].disabled  # at once, before any event
    assert panel["knob-attention-eager"].disabled
    until(lambda: panel.session.state == "measuring")
    assert not panel["stop"].disabled
    assert panel["export"].disabled
    panel.press("stop")
    assert "Stopped" in panel["status"].value
    assert panel["error"].value == ""
    assert panel.points() == {}
    assert panel["stop"].disabled
    assert not panel["measure"].disabled
    assert not panel["knob-attention-eager"].disabled


def test_work_that_is_stopped_before_it_begins_says_so(panel: Driver) -> None:
    blocker = panel.session.submit("measure", wb.Workload(prompt_tokens=16, new_tokens=1500))
    panel["generate"].click()  # waits behind it
    panel["stop"].click()
    panel.idle()
    until(blocker.done)
    assert "Stopped" in panel["status"].value
    assert not panel["generate"].disabled


def test_generated_text_and_its_rate_are_shown(panel: Driver) -> None:
    panel["prompt"].value = "The sea"
    panel["new-tokens"].value = 5
    panel.press("generate")
    shown = html.unescape(panel["output"].value)
    (completion,) = panel.session.generate("The sea", 5)
    assert completion.text.strip() in shown
    assert "5 tokens" in panel["rate"].value
    assert "tok/s" in panel["rate"].value


def test_what_other_cells_do_is_shown_too(panel: Driver) -> None:
    panel.session.apply(attention="eager")
    panel.session.measure(wb.Workload(prompt_tokens=16, new_tokens=4), budget_s=5)
    panel.idle()
    assert panel["knob-attention-eager"].description == "• eager"
    assert len(panel.points()) == 1


def test_a_panel_opened_later_shows_the_last_measurement(panel: Driver, session: wb.Session) -> None:
    panel.press("measure")
    later = Driver(TuningPanel(session), session)
    assert later.points() == panel.points()
    assert number(session.last["measurement"].decode_tps) in later["last"].value
    later.panel.close()


def test_one_panel_is_open_and_a_closed_one_hears_nothing(panel: Driver, session: wb.Session) -> None:
    listeners = sum(len(listening) for listening in session._dispatcher._listeners.values())
    widgets = len(ipywidgets.widgets.widget._instances)
    second = TuningPanel(session, groups=["attention", "precision", "tokens", "generation", "machine"])
    assert panel.panel.box.comm is None  # closed by the second
    assert sum(len(listening) for listening in session._dispatcher._listeners.values()) == listeners
    assert len(ipywidgets.widgets.widget._instances) == widgets
    second.close()
    second.close()
    assert sum(len(listening) for listening in session._dispatcher._listeners.values()) == listeners - 6
    session.apply(attention="eager")  # nobody is left to fail


def test_unknown_groups_and_charts_are_named(panel: Driver, session: wb.Session) -> None:
    with pytest.raises(ValueError, match="speling"):
        TuningPanel(session, groups=["speling"])
    with pytest.raises(ValueError, match="sharing"):
        TuningPanel(session, chart="sharing")  # type: ignore[arg-type]
