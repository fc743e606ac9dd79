"""A kept configuration measured again: regressions found, none invented, and what makes a verdict impossible."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import workbench as wb
from tests.runs.records import measured
from tests.test_shared import SPINNER
from workbench import checking
from workbench.catalog.sources import opened_by, stored_name
from workbench.cli import main
from workbench.errors import CapabilityError, ConfigError, StoreError
from workbench.machine import doctor
from workbench.results import Check, Measurement
from workbench.runs import Runs

TINY = "random:deepseek-llm-7b-base?scale=tiny&layers=1"
WORK = wb.Workload(prompt_tokens=8, new_tokens=4)
CONFIG = wb.Config(dtype="float32", threads=1)
FAR = 50.0  # a tolerance that no neighbour of the tests can use up


def judged(recorded: dict[str, Any], now: dict[str, Any], tolerance: float = 0.1) -> dict[str, Any]:
    documents = [Measurement.from_dict(document["result"]) for document in (recorded, now)]
    return checking.judged(documents[0], documents[1], tolerance)


@pytest.mark.parametrize(
    ("metric", "now", "verdict"),
    [
        ("decode_tps", 100.0, "no_regression"),
        ("decode_tps", 200.0, "no_regression"),  # better is no regression
        ("decode_tps", 93.0, "no_regression"),  # worse, within the tolerance
        ("decode_tps", 90.5, "no_regression"),  # its interval reaches to 91.4
        ("decode_tps", 89.9, "regression"),  # the whole of it lies below 100 ÷ 1.1
        ("ttft_s", 90.0, "no_regression"),
        ("ttft_s", 111.0, "no_regression"),
        ("ttft_s", 112.0, "regression"),
        ("peak_bytes", 110, "no_regression"),
        ("peak_bytes", 111, "regression"),
    ],
)
def test_a_regression_lies_beyond_the_tolerance_with_its_whole_interval(metric: str, now: float, verdict: str) -> None:
    value = 100 if metric == "peak_bytes" else 100.0
    found = judged(measured(**{metric: value}), measured(**{metric: now}))
    assert found["metrics"][metric].verdict == found["verdict"] == verdict
    assert found["ok"] is (verdict == "no_regression")
    if verdict == "regression":
        assert checking.METRICS[metric].label.lower() in str(found["said"])
    others = [other.verdict for name, other in found["metrics"].items() if name != metric]
    assert others == ["no_regression"] * 3


def test_a_regression_lies_beyond_the_recorded_interval_too() -> None:
    wide = measured(decode_tps=100.0)
    wide["result"]["ci95"]["decode_tps"] = [60.0, 140.0]
    assert judged(wide, measured(decode_tps=70.0))["ok"]
    assert judged(wide, measured(decode_tps=59.0))["verdict"] == "regression"


def test_a_disturbed_run_gives_no_verdict() -> None:
    busy = {"code": "flag.shared", "params": {"cores": "1.4"}}
    hot = {"code": "flag.throttled_runs", "params": {"reasons": "heat", "runs": 3}}
    slow = measured(decode_tps=1.0, flags=[busy])
    found = judged(measured(), slow)
    assert (found["ok"], found["verdict"]) == (False, "unknown")
    assert "while it was measured again, other processes used 1.4 cores" in str(found["reasons"][0])
    assert {metric.verdict for metric in found["metrics"].values()} == {"unknown"}
    assert "when the record was measured" in str(judged(measured(flags=[hot]), measured())["reasons"][0])


def test_too_few_repeats_are_no_all_clear() -> None:
    once = measured()
    del once["result"]["ci95"]["decode_tps"]
    found = judged(measured(), once)
    assert (found["ok"], found["verdict"]) == (False, "unknown")
    assert "too few repeats within the budget to know decode" in str(found["reasons"][0])
    worse = measured(prefill_tps=0.001)
    del worse["result"]["ci95"]["decode_tps"]
    assert judged(measured(), worse)["verdict"] == "regression"  # what is known is said


@pytest.mark.parametrize(
    ("opened", "stored"), [("demo", "SmolLM2-135M-Instruct"), ("owner/name", "owner/name"), (TINY, TINY)]
)
def test_what_a_record_calls_a_model_opens_it_again(opened: str, stored: str) -> None:
    assert stored_name(opened) == stored
    assert opened_by(stored) == opened


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, demo_home: Path) -> Iterator[Path]:
    """A store with one measurement of the tiny model, as record 1; nobody near disturbs a verdict in here."""
    folder = tmp_path_factory.mktemp("checked")
    (folder / "machine.json").write_bytes((demo_home / "machine.json").read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(folder))
        with wb.Session(TINY, config=CONFIG, host="inline") as session:
            session.measure(WORK, budget_s=1)
            session.export("json").save(folder)
        with wb.Runs() as runs:  # as on a quiet machine: the tests' own neighbours are no reason here
            record = runs.get(1)
            record["result"]["flags"] = record["flags"] = []
            (folder / "record.json").write_text(json.dumps(record))
        yield folder


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests that run beside these are no reason to withhold a verdict; that they would be is tested above."""
    monkeypatch.setattr(checking, "disturbed", lambda _measurement: iter(()))


def edited(home: Path, **changes: float) -> Path:
    """The record, changed by hand."""
    record = json.loads((home / "record.json").read_text())
    for name, factor in changes.items():
        record["result"][name] *= factor
        if name in record["result"]["ci95"]:
            record["result"]["ci95"][name] = [bound * factor for bound in record["result"]["ci95"][name]]
    file = home / "edited.json"
    file.write_text(json.dumps(record))
    return file


def checked(path: Path, **options: Any) -> Check:
    return wb.check(path, **{"budget_s": 1, "host": "inline", "tolerance": FAR, **options})


@pytest.mark.model
def test_what_was_measured_a_moment_ago_is_no_regression(home: Path, quiet: None) -> None:
    found = checked(home / "config.json")  # its record is found in the store
    assert (found.ok, found.verdict, found.record, found.caveats) == (True, "no_regression", 1, ())
    assert found.measurement.workload == WORK
    with wb.Runs() as runs:
        assert runs.get(found.run or 0)["tags"] == ["check"]
        assert runs.get(1)["tags"] == []
    again = checked(home / "config.json", workload=WORK, model=TINY)
    assert again.record == 1  # not the last check's own run


@pytest.mark.model
def test_a_record_that_claims_more_is_a_regression(home: Path, quiet: None, capfd: pytest.CaptureFixture[str]) -> None:
    file = edited(home, decode_tps=FAR * 100)
    words = ["check", str(file), "--host", "inline", "--budget", "1", "--tolerance", str(FAR)]
    assert main([*words, "--json"]) == 1
    said = capfd.readouterr()
    document = json.loads(said.out)
    assert document["schema"] == "workbench.check/1"
    assert document["result"]["verdict"] == "regression"
    verdicts = {name: metric["verdict"] for name, metric in document["result"]["metrics"].items()}
    assert verdicts == dict.fromkeys(checking.CHECKED, "no_regression") | {"decode_tps": "regression"}
    assert document["config"] == CONFIG.to_dict()
    assert main(["check", str(home / "record.json"), *words[2:]]) == 0
    shown = capfd.readouterr().out
    assert "no regression beyond" in shown
    assert TINY in shown


@pytest.mark.model
def test_a_busy_neighbour_leaves_no_verdict(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    neighbours = [subprocess.Popen([sys.executable, "-c", SPINNER]) for _ in range(2)]
    try:
        words = ["check", str(home / "record.json"), "--host", "inline", "--budget", "2", "--tolerance", str(FAR)]
        assert main(words) == 1
    finally:
        for neighbour in neighbours:
            neighbour.kill()
            neighbour.wait()
    shown = capfd.readouterr().out
    assert "no verdict" in shown
    assert "while it was measured again, other processes used" in shown


@pytest.mark.model
@pytest.mark.parametrize("part", ["machine", "torch"])
def test_another_machine_or_version_is_compared_only_anyway(home: Path, quiet: None, part: str) -> None:
    record = json.loads((home / "record.json").read_text())
    if part == "machine":
        record["machine"]["label"] = "big iron"
    else:
        record["versions"]["torch"] = "1.0"
    file = home / "other.json"
    file.write_text(json.dumps(record))
    with pytest.raises(CapabilityError, match="--anyway"):
        checked(file)
    found = checked(file, anyway=True)
    assert found.ok
    (caveat,) = found.caveats
    assert ("big iron" if part == "machine" else "torch 1.0 →") in str(caveat)


def test_without_a_measurement_the_command_that_makes_one_is_told(workbench_home: Path, tmp_path: Path) -> None:
    file = tmp_path / "my config.json"
    file.write_text(wb.Config(attention="eager").to_json())
    with wb.Runs() as runs:
        runs.add(measured(attention="sdpa", dtype="float32"))
    with pytest.raises(StoreError) as caught:
        wb.check(file, model="demo", workload=WORK)
    command = f"workbench measure demo --config '{file}' --prompt-tokens 8 --new-tokens 4 --batch-size 1 --seed 0"
    assert command in caught.value.next_step
    assert main(["check", str(file)]) == 1
    with Runs(tmp_path / "own") as own, pytest.raises(StoreError):
        wb.check(file, runs=own)


def test_the_record_is_the_newest_fair_one_of_this_machine(workbench_home: Path, tmp_path: Path) -> None:
    machine = doctor().label
    config = wb.Config(**measured()["config"])
    busy = [{"code": "flag.shared", "params": {"cores": "1.4"}}]

    def newest(workload: wb.Workload | None = None) -> Any:
        return checking._newest(config, tmp_path / "config.json", None, workload, None)["id"]

    with wb.Runs() as runs:
        runs.add(measured(machine=machine))
        other = runs.add(measured(machine="big iron"))
        assert newest() == 1
        runs.add(measured(machine=machine, flags=busy))
        assert newest() == 1
        runs.add(measured(machine=machine, attention="eager"))
        runs.add({**measured(machine=machine), "result": {"from": "another version"}})
        assert newest() == 1
        more = runs.add(measured(machine=machine, workload={"batch_size": 2}))
        assert newest() == more
        asked = wb.Workload(**measured()["workload"])
        assert newest(asked) == 1
        runs.tag(1, "check")
        assert newest(asked) == 3  # disturbed, yet of this machine
        runs.delete(3)
        assert newest(asked) == other


@pytest.mark.parametrize(
    ("text", "options", "code"),
    [
        ("not JSON", {}, "check.unreadable"),
        ("[" * 100_000, {}, "check.unreadable"),
        ('{"schema": "workbench.trace/1"}', {}, "check.not_checkable"),
        ("[1]", {}, "check.not_checkable"),
        ('{"schema": "workbench.measurement/2", "result": {}}', {}, "kept.not_a_measurement"),
        ('{"schema": "workbench.measurement/1", "result": {}}', {}, "kept.unreadable"),
        (json.dumps(measured()), {"workload": WORK}, "check.other_workload"),
        (json.dumps({**measured(), "model": None}), {}, "check.no_model"),
        (json.dumps({**measured(), "model": "a-folder"}), {}, "check.no_model"),
        (json.dumps({**measured(), "config": None}), {}, "check.not_checkable"),
        (json.dumps(measured()), {"tolerance": 0.0}, "check.bad_tolerance"),
        (json.dumps(measured()), {"tolerance": float("nan")}, "check.bad_tolerance"),
        ('{"schema": "workbench.config/1", "config": {"atention": "sdpa"}}', {}, "config.unknown_knob"),
    ],
)
def test_what_cannot_be_checked_is_named(
    workbench_home: Path, tmp_path: Path, text: str, options: dict[str, Any], code: str
) -> None:
    file = tmp_path / "given.json"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        wb.check(file, **options)
    assert caught.value.code == code


@pytest.mark.parametrize("words", [[], ["nowhere.json"], ["{file}", "--tolerance", "0"], ["{file}", "--workload", "x"]])
def test_wrong_usage_is_2(
    workbench_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    file = tmp_path / "record.json"
    file.write_text(json.dumps(measured()))
    assert main(["check", *(word.format(file=file) for word in words)]) == 2
    assert capsys.readouterr().err
