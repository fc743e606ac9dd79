"""`load_model.py --check`: the exported file measures itself again, and its exit status tells."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import workbench as wb
from workbench.probes import check_model
from workbench.stats import mean_interval

WORK = wb.Workload(prompt_tokens=12, new_tokens=6, batch_size=2, seed=3, padded=0.25)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, random_llama: Path) -> tuple[Path, wb.Measurement]:
    """The files of a measured session on one layer of random weights, and what it measured."""
    with wb.Runs(tmp_path_factory.mktemp("runs") / "runs.sqlite3") as runs:
        config = wb.Config(dtype="float32", threads=1, do_sample=True, temperature=0.7)
        with wb.Session(str(random_llama), config=config, host="inline", runs=runs) as session:
            measured = session.measure(WORK, precision=1.0, budget_s=1.0)
            folder = tmp_path_factory.mktemp("home it's $(x)")
            session.export().save(folder)
    return folder, measured


def run_check(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """As a person runs it."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT", "PYTHONPATH") if name in os.environ}
    return subprocess.run(
        [sys.executable, str(folder / "load_model.py"), "--check", "--repeats", "2", *words],
        env={**kept, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.model
def test_it_finds_the_recorded_tokens_and_speed_again(exported: tuple[Path, wb.Measurement]) -> None:
    folder, measured = exported
    assert len(measured.token_ids) == WORK.new_tokens
    done = run_check(folder, "--json", "--tolerance", "1000")  # the speed of a shared machine is not what is tested
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["schema"] == "workbench.check/1"
    assert found["ok"] is found["same_tokens"] is found["within_tolerance"] is True
    assert found["compared_tokens"] == WORK.new_tokens
    assert found["recorded"]["decode_tps"]["mean"] == pytest.approx(measured.decode_tps)
    for name in check_model.UNITS:
        low, mean, high = (found["now"][name][part] for part in ("low", "mean", "high"))
        assert 0 <= low <= mean <= high


@pytest.mark.model
def test_other_tokens_or_another_speed_fail_it(exported: tuple[Path, wb.Measurement], tmp_path: Path) -> None:
    folder, _measured = exported
    for name in ("load_model.py", "check_model.py", "expected.json"):
        shutil.copy(folder / name, tmp_path)
    expected = json.loads((tmp_path / "expected.json").read_text(encoding="utf-8"))
    expected["token_ids"][4] += 1
    expected["measured"]["decode_tps"] = {"mean": 1e9, "low": 0.9e9, "high": 1.1e9}
    expected["versions"]["torch"] = "0.1"
    (tmp_path / "expected.json").write_text(json.dumps(expected), encoding="utf-8")
    done = run_check(tmp_path)
    assert done.returncode == 1
    assert "greedy tokens: not those recorded from new token 4 on" in done.stdout
    assert "decode_tps: NOT within 10 % of the recorded speed" in done.stdout
    assert f"torch {torch.__version__} is installed; recorded with 0.1" in done.stdout


def test_its_interval_is_the_workbenchs_own() -> None:
    values = [10.0, 11.0, 9.5, 10.2, 10.4, 9.9, 10.1, 10.6, 9.7, 10.3, 10.0, 10.8, 9.6, 10.2, 10.1, 9.8, 10.5]
    for count in range(2, len(values) + 1):
        found = check_model.interval(values[:count])
        low, high = mean_interval(values[:count])
        assert found["high"] - found["mean"] == pytest.approx((high - low) / 2, rel=0.01)


def test_a_ratio_carries_the_errors_of_both() -> None:
    one, wide = {"mean": 10.0, "low": 9.7, "high": 10.3}, {"mean": 20.0, "low": 19.2, "high": 20.8}
    found = check_model.ratio(one, wide)
    assert found["mean"] == 0.5
    assert found["high"] == pytest.approx(0.5 * 1.05)


@pytest.mark.parametrize(
    ("ids", "recorded", "at"), [([1, 2, 3], [1, 2, 3], None), ([1, 2, 3], [1, 2], None), ([1, 9, 3], [1, 2, 3], 1)]
)
def test_tokens_are_compared_as_far_as_they_were_recorded(ids: list[int], recorded: list[int], at: Any) -> None:
    assert check_model.difference(ids, recorded) == at


def test_without_a_measurement_it_says_what_to_do() -> None:
    interval = {"mean": 1.0, "low": 0.9, "high": 1.1}
    found = {
        "recorded": {},
        "now": dict.fromkeys(check_model.UNITS, interval),
        "ratio": {},
        "repeats": 2,
        "versions": {},
        "recorded_versions": {},
        "same_tokens": None,
    }
    assert "nothing was recorded: measure, then export again" in check_model.table(found)
    assert "not recorded" in check_model.table(found)
