"""History, undo, presets and saved configurations in the panel, on a real session."""

import html
from pathlib import Path

import pytest

import workbench as wb
from tests.widgets.conftest import Driver
from workbench.runs.comparing import DISTURBED
from workbench.saved import saved
from workbench.widgets.undo import Undo


def test_undo_goes_back_step_by_step_and_is_not_undone_itself(panel: Driver) -> None:
    assert panel["undo"].disabled
    panel.press("knob-attention-eager")
    panel.press("knob-padding_side-right")
    assert not panel["undo"].disabled
    panel.press("undo")
    assert (panel.session.config.attention, panel.session.config.padding_side) == ("eager", "left")
    panel.press("undo")
    assert panel.session.config.attention == "sdpa"
    assert panel["undo"].disabled


def test_undo_takes_back_a_reload(panel: Driver) -> None:
    panel["knob-dtype-bfloat16"].click()
    panel.press("apply")
    assert panel.session.resolved.dtype == "bfloat16"
    panel.press("undo")
    assert panel.session.resolved.dtype == "float32"


def test_a_step_back_that_failed_can_be_taken_again() -> None:
    first, second = wb.Config(), wb.Config(threads=1)
    undo = Undo(first)
    undo.changed(second)
    undo.going_back()
    undo.failed()
    assert undo.target == first
    undo.changed(wb.Config(threads=2))  # a change of another kind in between
    assert undo.target == second
    undo.going_back()
    undo.changed(second)
    assert undo.target == first


def test_two_runs_are_set_beside_each_other_and_one_is_restored(panel: Driver) -> None:
    panel.press("measure")
    panel.press("knob-attention-eager")
    panel.press("measure")
    panel.tab("history")
    newest = [record["id"] for record in panel.session.runs.list(kind="measurement", limit=2)]
    panel["history-a"].value, panel["history-b"].value = newest[1], newest[0]
    panel["history-diff"].click()
    told = panel["history-difference"].value
    assert "attention" in told
    assert "sdpa" in told
    assert "eager" in told
    assert "not paired" in told  # two measurements are no verdict
    assert "same 4 tokens" in told or "part at token" in told
    assert "not both configurations were traced" in told
    panel["history-restore-a"].click()
    assert "attention eager→sdpa" in html.unescape(panel["pending"].value)
    panel.press("discard")


def test_traced_configurations_say_where_the_time_went(panel: Driver) -> None:
    for attention in ("sdpa", "eager"):
        if panel.session.config.attention != attention:
            panel.press(f"knob-attention-{attention}")
        panel.press("trace")
        panel.press("measure")
    panel.tab("history")
    panel["history-diff"].click()
    assert "not both configurations were traced" not in panel["history-difference"].value
    panel["history-b"].value = panel["history-a"].value
    panel["history-diff"].click()
    assert "Choose two runs" in panel["error"].value


def test_a_preset_waits_and_says_what_it_rests_on(panel: Driver) -> None:
    panel.press("knob-attention-eager")
    panel["presets"].value = "default"
    assert "attention eager→sdpa" in html.unescape(panel["pending"].value)
    assert "what transformers does" in panel["status"].value
    assert panel["presets"].value == ""  # a choice, not a state
    panel["presets"].value = "guides"
    assert "not possible here" in panel["status"].value
    assert "flash_attention_2" in panel["status"].value
    panel.press("discard")


def test_what_was_not_measured_is_not_offered(panel: Driver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with wb.Runs(tmp_path / "empty.sqlite3") as empty:
        monkeypatch.setattr(panel.session._bench._keeping, "_runs", empty)
        for name, said in (("fastest", "nothing was measured here"), ("smallest", "was judged here yet")):
            panel["presets"].value = name
            assert said in panel["status"].value
            assert "no pending change" in panel["pending"].value


def test_the_fastest_is_the_fastest_that_was_measured_at_this_work(panel: Driver) -> None:
    panel.press("measure")
    panel.press("knob-attention-eager")
    panel.press("measure")
    work = panel.session.last["measurement"].workload
    here = [
        record
        for record in panel.session.runs.list(kind="measurement", limit=None)
        if record["result"]["workload"] == work.to_dict()
        and not {flag["code"] for flag in record["result"]["flags"]} & set(DISTURBED)
    ]
    panel["presets"].value = "fastest"
    if not here:
        assert "nothing was measured" in panel["status"].value
        return
    best = max(here, key=lambda record: record["result"]["decode_tps"])
    assert f"run {best['id']}" in panel["status"].value


def test_a_saved_configuration_is_offered_and_comes_back(
    panel: Driver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    panel.press("knob-attention-eager")
    panel["save"].click()
    panel["save-name"].value = "slow but sure"
    panel["save-do"].click()
    assert str(tmp_path) in panel["status"].value
    assert saved()["slow but sure"].attention == "eager"
    panel.press("knob-attention-sdpa")
    panel["presets"].value = "saved:slow but sure"
    assert "attention sdpa→eager" in html.unescape(panel["pending"].value)
    panel.press("discard")
    panel["save"].click()
    panel["save-name"].value = "../out"
    panel["save-do"].click()
    assert "cannot be a configuration" in panel["error"].value
    assert list(tmp_path.rglob("*.json")) == [tmp_path / "configs" / "slow but sure.json"]


def test_both_answers_stand_beside_each_other(panel: Driver) -> None:
    assert panel["both"].disabled
    panel.press("knob-attention-eager")
    panel["new-tokens"].value = 6
    panel.press("both")
    shown = panel["output"].value
    assert "A: sdpa" in shown
    assert "B: eager" in shown
    assert shown.count("tok/s") == 2
    assert "token" in panel["rate"].value
    assert panel.session.config.attention == "eager"  # as before
