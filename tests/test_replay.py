"""Recorded runs of another machine: shown, marked, and never mistaken for this one's."""

import json
from pathlib import Path

import pytest

import workbench as wb
from tests.charts.samples import HOSTILE
from workbench.errors import ConfigError, StoreError
from workbench.replay import Replay, replay_notebook
from workbench.widgets import ReplayPanel

TINY = "random:deepseek-llm-7b-base?scale=tiny&layers=2"
WORK = wb.Workload(prompt_tokens=16, new_tokens=4)
ELSEWHERE = "NVIDIA H200 of another room"


@pytest.fixture(scope="module")
def recording(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What this machine measured, as a machine of another name exported it."""
    folder = tmp_path_factory.mktemp("recorded")
    config = wb.Config(dtype="float32", threads=1)
    with wb.Runs(folder / "runs.sqlite3") as runs:
        with wb.Session(TINY, host="inline", runs=runs, config=config) as session:
            session.measure(WORK, budget_s=1)
            session.apply(attention="eager")
            session.measure(WORK, budget_s=1)
            session.compare({"attention": "eager"}, {"attention": "sdpa"}, WORK, budget_s=1)
            session.trace(WORK)
        runs.export(folder / "runs.jsonl")
    lines = (folder / "runs.jsonl").read_text(encoding="utf-8").splitlines()
    made = [json.loads(line) for line in lines]
    for record in made[1:]:
        record["machine"]["label"] = ELSEWHERE
    (folder / "elsewhere.jsonl").write_text("\n".join(map(json.dumps, made)) + "\n", encoding="utf-8")
    return folder / "elsewhere.jsonl"


def test_every_chart_is_marked_with_machine_and_date(recording: Path) -> None:
    replay = Replay(recording)
    assert {each.kind for each in replay.records} >= {"measurement", "comparison", "trace"}
    assert replay.unread == 0
    for record in replay.records:
        spec = replay.figure(record)
        assert f"recorded on {ELSEWHERE}, {record.time[:10]}" in spec["layout"]["title"]["text"]


def test_a_measurement_stands_among_those_of_its_machine(recording: Path) -> None:
    replay = Replay(recording)
    eager = next(r for r in replay.records if r.kind == "measurement" and r.config["attention"] == "eager")
    others, own = replay.figure(eager)["data"][:2]
    assert (len(others["x"]), len(own["x"])) == (1, 1)


def test_the_panel_shows_after_a_guess_and_measures_nothing(recording: Path) -> None:
    panel = ReplayPanel(recording)
    try:
        assert panel._table.value == ""
        panel._guess.value = HOSTILE
        panel._show()
        assert "<table" in panel._table.value
        assert ELSEWHERE in panel._said.value
        assert "your guess" in panel._said.value
        assert "<img" not in panel._said.value
        panel._record.value = 1
        assert panel._table.value == ""
        assert panel._guess.value == ""
    finally:
        panel.close()


def test_the_notebook_of_lab_replay(recording: Path, tmp_path: Path) -> None:
    name = replay_notebook(recording, tmp_path)
    cells = json.loads((tmp_path / name).read_text(encoding="utf-8"))["cells"]
    code = "".join(cells[1]["source"])
    compile(code, str(name), "exec")
    assert repr(str(recording.resolve())) in code
    assert "Nothing is measured here" in "".join(cells[0]["source"])


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        Replay(tmp_path / "none.jsonl")
    (tmp_path / "bad.jsonl").write_text("{}", encoding="utf-8")
    with pytest.raises(StoreError):
        Replay(tmp_path / "bad.jsonl")
    with wb.Runs(tmp_path / "runs.sqlite3") as runs:
        runs.export(tmp_path / "empty.jsonl")
    with pytest.raises(ConfigError, match="holds nothing that can be shown"):
        Replay(tmp_path / "empty.jsonl")
