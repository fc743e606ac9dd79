"""What goes wrong is shown in the panel, as text, and the control goes back to what is in force."""

import html
from pathlib import Path

import pytest

import workbench as wb
from tests.charts.samples import HOSTILE, measurement
from tests.widgets.conftest import Driver
from workbench.results import Chunk, Event, document
from workbench.widgets import TuningPanel
from workbench.widgets.guard import Guard

pytestmark = pytest.mark.model


def test_a_value_that_is_none_is_refused_before_anything_runs(panel: Driver) -> None:
    field = panel["knob-pad_token-field"]
    field.value = "abc"
    assert "abc" in panel["error"].value
    assert "auto, eos, unk" in panel["error"].value
    assert field.value == ""
    assert panel["knob-pad_token-auto"].description == "• auto"
    assert panel.session.config.pad_token == "auto"


def test_an_id_beyond_the_vocabulary_names_its_limit(panel: Driver) -> None:
    panel["knob-eos_token_ids-field"].value = "2, 99999999"
    assert "99999999" in panel["error"].value
    assert str(panel.session.facts.vocab_size - 1) in panel["error"].value
    assert panel["knob-eos_token_ids-field"].value == ""
    panel["knob-eos_token_ids-field"].value = "2, 3"
    panel.idle()
    assert panel.session.resolved.eos_token_ids == (2, 3)
    assert panel["error"].value == ""  # the next click took it away
    assert panel["knob-eos_token_ids-field"].value == "2, 3"


def test_values_that_cannot_stand_together_put_the_slider_back(panel: Driver) -> None:
    assert "do_sample=off" in panel["knob-temperature"].children[2].value  # why it is grey
    assert panel["knob-temperature-field"].disabled
    panel["knob-do_sample-toggle"].value = True
    panel.idle()
    assert not panel["knob-temperature-field"].disabled
    panel["knob-temperature-field"].value = 0.0
    panel.idle()
    assert "temperature" in panel["error"].value
    assert panel["knob-temperature-field"].value == 1.0
    assert panel.session.config.temperature == 1.0


def test_too_many_threads_are_refused_with_the_number_that_fits(panel: Driver) -> None:
    cores = panel.session.machine.cpu.logical_cores
    panel["knob-threads-field"].value = str(cores + 1)
    assert "cores" in panel["error"].value
    assert panel["knob-threads-field"].value == "1"
    assert panel.session.config.threads == 1


def test_a_failed_apply_leaves_nothing_pending_and_shows_the_value_in_force(panel: Driver) -> None:
    elsewhere = wb.Config(dtype="bfloat16", device="cuda:99", threads=1)  # a stored run of another machine
    panel.panel._config_chosen(elsewhere)
    assert "device auto→cuda:99" in html.unescape(panel["pending"].value)
    panel.press("apply")
    assert "cuda:99" in panel["error"].value
    assert "no pending change" in panel["pending"].value
    assert panel["knob-dtype-float32"].description == "• float32"
    assert panel.session.resolved.dtype == "float32"


def test_refused_memory_is_told_with_what_would_fit(panel: Driver) -> None:
    panel["work-batch_size"].value = 10**9
    panel["work-prompt_tokens"].value = 4000
    panel.press("measure")
    said = html.unescape(panel["error"].value)
    assert "Out of memory while" in said
    assert "It asked for" in said
    assert "batch_size=" in said
    assert "Traceback" in panel["details"].value
    assert panel["details"].value.startswith("<details><summary>"), "folded away at first"
    assert panel.session.generate("The sea", max_new_tokens=2)[0].token_ids


def test_an_error_of_the_work_has_its_details_folded_away(panel: Driver) -> None:
    panel["workload"].value = "report"
    panel["work-prompt_tokens"].value = 1_000_000
    panel.press("measure")
    assert panel["error"].value != ""
    assert "Traceback" in panel["details"].value
    assert panel["details"].value.startswith("<details><summary>"), "folded away at first"
    assert not panel["measure"].disabled
    assert panel.points() == {}


def test_an_empty_prompt_is_told(panel: Driver) -> None:
    panel["prompt"].value = "  \n"
    panel.press("generate")
    assert "prompt is empty" in panel["error"].value


def test_what_cannot_be_exported_says_why(panel: Driver) -> None:
    panel.press("export")
    assert "random weights" in panel["error"].value
    assert panel["snippet"].code == ""


def test_hostile_text_is_never_markup(panel: Driver) -> None:
    dispatcher = panel.session._dispatcher
    chunk = Chunk(row=0, text=HOSTILE, token_id=1, index=0, elapsed_s=0.1, decode_tps=None, finish_reason="length")
    dispatcher.send("token", 10_001, chunk)
    dispatcher.send("error", 10_001, RuntimeError(HOSTILE))
    assert dispatcher.flush()
    assert html.escape("<img src=x") in panel["output"].value
    assert html.escape("<img src=x") in panel["error"].value
    assert "<img" not in panel.html()
    assert "\x1b" not in panel.html()


def test_hostile_names_in_the_store_and_of_the_model_are_text(panel: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    session = panel.session
    monkeypatch.setattr(session._bench, "_facts", session.facts.model_copy(update={"name": HOSTILE}))
    record = document("measurement", result=measurement(), config={"attention": HOSTILE}, model=HOSTILE)
    number = session.runs.add(record | {"machine": {"label": HOSTILE}})
    unreadable = session.runs.add(record | {"result": {"from": "another version"}})
    second = Driver(TuningPanel(session), session)
    try:
        second.tab("history")
        assert html.escape("<img src=x") in second["history"].value
        assert html.escape("<img src=x") in second["title"].value
        assert "1 stored runs could not be read" in second["history"].value
        assert "<img" not in second.html()
    finally:
        second.panel.close()
        for each in (number, unreadable):
            session.runs.delete(each)


def test_a_store_that_cannot_be_read_leaves_a_usable_panel(
    panel: Driver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    closed = wb.Runs(tmp_path / "closed.sqlite3")
    closed.close()
    monkeypatch.setattr(panel.session._bench._keeping, "_runs", closed)
    second = Driver(TuningPanel(panel.session), panel.session)
    try:
        second.tab("history")
        assert "wb-error" in second["history"].value
        second.press("knob-attention-eager")
        assert panel.session.resolved.attention == "eager"
    finally:
        second.panel.close()


def test_a_mistake_of_ours_is_shown_and_logged(panel: Driver, caplog: pytest.LogCaptureFixture) -> None:
    panel.panel._guard(panel.panel._on_progress)(Event("progress", 1, 1, 0.0, {}))
    assert "KeyError" in panel["error"].value
    assert "a callback failed" in caplog.text


def test_an_interrupt_passes_through() -> None:
    shown: list[Exception] = []
    guard = Guard(shown.append)

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        guard(interrupted)()
    guard(lambda: [][0])()
    assert [type(error) for error in shown] == [IndexError]
