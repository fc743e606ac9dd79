"""What a benchmark says: promises kept or not, and a record without names of the machine."""

import json
import platform
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks.__main__ import NAMES, main
from benchmarks.record import Outcome, Row, median_row, write
from workbench.machine import doctor

OUTCOME = Outcome(
    "apply",
    "how long",
    (Row("median", 0.05, "s", (0.04, 0.06), limit=0.1), Row("share", 6.5, "%", limit=5.0), Row("other", 3.0, "s")),
    {"toggles": 20},
    {"apply_s": [0.04, 0.06]},
)


def test_a_promise_is_kept_or_not_or_was_not_made() -> None:
    assert [row.kept for row in OUTCOME.rows] == [True, False, None]
    table = OUTCOME.table()
    assert "0.0500 s  [0.0400, 0.0600]  < 0.1 s: kept" in table
    assert "< 5 %: NOT KEPT" in table
    assert "(toggles 20)" in table


def test_an_outcome_survives_json() -> None:
    assert Outcome.from_dict(json.loads(json.dumps(OUTCOME.to_dict()))) == OUTCOME


def test_the_record_has_its_schema_and_no_host(tmp_path: Path, workbench_home: Path) -> None:
    text = write([OUTCOME], doctor(), tmp_path / "results").read_text()
    record = json.loads(text)
    assert record["schema"] == "workbench.benchmark/1"
    assert record["result"]["benchmarks"][0]["rows"][1]["kept"] is False
    assert record["versions"]["torch"]
    assert record["machine"]["label"]
    if len(platform.node()) > 4:
        assert platform.node() not in text
    assert str(Path.home()) not in text


def test_the_median_is_held_to_the_limit_and_the_slowest_shown() -> None:
    middle, slowest = median_row("x", [0.3, 0.1, 0.2], limit=0.25)
    assert (middle.value, middle.kept, slowest.value, slowest.kept) == (0.2, True, 0.3, None)


@pytest.mark.parametrize("name", NAMES)
def test_every_benchmark_says_what_it_asks(name: str) -> None:
    module = import_module(f"benchmarks.{name}")
    assert module.QUESTION
    assert callable(module.run)


def test_an_unknown_benchmark_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["speed"])
    assert ended.value.code == 2
    assert "'speed'" in capsys.readouterr().err
